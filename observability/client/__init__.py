"""The HTTP/1.1 client of the hops that make many calls a second: the gateway and Rio's dispatcher."""

from observability.client.client import Client
from observability.client.connection import Connection, Limits
from observability.client.errors import (
    ClientError,
    ConnectFailed,
    ConnectionLost,
    Exhausted,
    Malformed,
    TimedOut,
    TooLarge,
)
from observability.client.headers import Headers
from observability.client.origin import Origin
from observability.client.pool import Resolve
from observability.client.response import Collecting, Response
from observability.client.streamed import Streamed

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
