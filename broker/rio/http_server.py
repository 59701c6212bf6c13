"""The API's port: POSTs of events go to the pipeline, all other requests to an ASGI application."""

from typing import Final

from tornado.httputil import HTTPHeaders

from broker.rio.ingest.pipeline import Pipeline
from broker.rio.ingest.request_parser import route_of
from broker.rio.metrics import ApiMetrics
from broker.rio.model.event import MAX_ATTRIBUTES_BYTES
from observability import Telemetry
from observability.http.server import Limits, ReceivedRequest, Refusals, ResponseWriter, Server
from observability.http.server.asgi import AsgiRequests

#: An event in binary mode has all of its attributes in the head.
_HEAD_BYTES: Final = MAX_ATTRIBUTES_BYTES + 4 * 1024
_HEADERS: Final = 1000
#: Of an attribute of 252 characters, with `ce-` before it.
_NAME_BYTES: Final = 255


def limits(max_body_bytes: int) -> Limits:
    """The limits of requests to the API: sizes in bytes, times in seconds.

    Connections may be idle for an hour, so that senders keep them.
    """
    return Limits(
        head_bytes=_HEAD_BYTES,
        headers=_HEADERS,
        header_bytes=_HEAD_BYTES,
        name_bytes=_NAME_BYTES,
        absolute_targets=True,
        body_bytes=max_body_bytes,
        idle_seconds=3600.0,
        head_seconds=60.0,
        body_seconds=60.0,
    )


def api_server(
    pipeline: Pipeline,
    administration: AsgiRequests,
    telemetry: Telemetry,
    metrics: ApiMetrics,
    max_body_bytes: int,
) -> Server:
    """A server of the whole API."""

    def receive(
        writer: ResponseWriter, method: str, target: str, headers: HTTPHeaders, peer: str
    ) -> ReceivedRequest:
        is_emitting = method == "POST" and route_of(target.partition("?")[0])
        return (pipeline if is_emitting else administration).receive(writer, method, target, headers, peer)

    return Server(receive, Refusals(telemetry, metrics.malformed), limits(max_body_bytes))
