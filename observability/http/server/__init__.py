"""The HTTP/1.1 server of the hops that answer many requests a second.

Replaces Tornado's: a small GET takes 21 us by a pipeline, in place of 184, and what two readers could read
in two ways is refused (python -m tests.bench.http_server, docs/decisions/own-http-server.md). To be dropped
when Tornado's refuses the same and takes at most half as much again.
"""

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
