"""The HTTP/1.1 client of the hops that make many calls a second: the gateway and Rio's dispatcher.

Replaces aiohttp's: composing three JSON answers on one core 5,600 requests a second in place of 2,900
(./nextphase bench gateway, docs/decisions/own-http-client.md). To be dropped when aiohttp or httpx reaches
two thirds of it.
"""

from observability.http.client.client import Client
from observability.http.client.connection import Connection
from observability.http.client.errors import (
    ClientError,
    ConnectFailed,
    ConnectionLost,
    Exhausted,
    Malformed,
    TimedOut,
    TooLarge,
)
from observability.http.client.headers import Headers
from observability.http.client.limits import Limits
from observability.http.client.origin import Origin
from observability.http.client.pool import Resolve
from observability.http.client.response import Collecting, Response
from observability.http.client.streamed import Streamed

__all__ = [
    "Client",
    "ClientError",
    "Collecting",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "Exhausted",
    "Headers",
    "Limits",
    "Malformed",
    "Origin",
    "Resolve",
    "Response",
    "Streamed",
    "TimedOut",
    "TooLarge",
]
