"""A team's own application on the gateway's port, beside the routes."""

from functools import partial

from tornado.httputil import HTTPHeaders

from gateway.caller.identification import identify
from gateway.caller.trusted_proxies import TrustedProxies
from gateway.pipeline import Pipeline
from observability import current
from observability.frameworks.tornado import trace_handlers
from observability.http.server import ReceivedRequest, ResponseWriter
from observability.http.server.tornado_delegate import TornadoRequests


class ApplicationMount:
    """Hands requests to the pipeline; those for a path that no route has to the application, if there is one.

    The application sees the client's address as the edge says it, and none of the headers that only the
    platform sets. Everything else, such as who may ask, is its own matter.
    """

    def __init__(self, pipeline: Pipeline, proxies: TrustedProxies) -> None:
        self._pipeline = pipeline
        self._proxies = proxies

    def receive(
        self, writer: ResponseWriter, method: str, target: str, headers: HTTPHeaders, peer: str
    ) -> ReceivedRequest:
        """Begin with a request."""
        router = self._pipeline.router
        if router.application is None or router.has(target.partition("?")[0]):
            return self._pipeline.receive(writer, method, target, headers, peer)
        trace_handlers(current())
        caller = identify(headers, peer, self._proxies)
        in_flight = self._pipeline.in_flight
        in_flight.begin(None)
        requests = TornadoRequests(router.application, partial(in_flight.end, None))
        return requests.receive(writer, method, target, headers, caller.address)
