"""The HTTP/1.1 server of the hops that answer many requests a second."""

from observability.http.server.body_stream import BodyLost, BodyStream
from observability.http.server.headers import Headers
from observability.http.server.limits import Limits
from observability.http.server.parser import Head
from observability.http.server.received_request import Receive, ReceivedRequest
from observability.http.server.refusals import Refusals
from observability.http.server.response import ResponseWriter, UnsendableHeaders
from observability.http.server.server import Server

__all__ = [
    "BodyLost",
    "BodyStream",
    "Head",
    "Headers",
    "Limits",
    "Receive",
    "ReceivedRequest",
    "Refusals",
    "ResponseWriter",
    "Server",
    "UnsendableHeaders",
]
