"""The server span, access line and metrics of a request to emit events."""

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind

from broker.rio.ingest.messages import Request
from broker.rio.ingest.request_parser import EVENTS_ROUTE, route_of
from broker.rio.ingest.short_form import SHORT_ROUTE
from broker.rio.tracing import parent_of
from observability import Telemetry
from observability.masking import mask_path, mask_user_agent
from observability.propagation import hex_trace_id
from observability.server_request import ServerRequest
from observability.span_error import set_error
from observability.tracer import Template

_VARIABLES = (
    "url.path",
    "client.address",
    "network.peer.address",
    "server.address",
    "user_agent.original",
)
_STATUS = "http.response.status_code"
_CARRIED = ("traceparent", "tracestate")


class RequestRecord:
    """The telemetry of one request, from its head to its end.

    Attributes:
        trace_id: 32 hex digits.
    """

    __slots__ = ("_route", "_server_request", "_span", "_template", "trace_id")

    def __init__(
        self,
        telemetry: Telemetry,
        request: Request,
        route: str,
        template: Template,
        span: Span,
        path: str,
    ) -> None:
        own = span.get_span_context()
        self.trace_id = hex_trace_id(own.trace_id)
        self._route = route
        self._template = template
        self._span = span
        caller = request.headers.get("x-caller")
        self._server_request = ServerRequest(telemetry, "POST", path, caller, own)

    def enter(self) -> None:
        """Let the request's span be the current one of this task, until the task ends."""
        context.attach(trace.set_span_in_context(self._span))

    def end(self, status: int) -> None:
        """End the span, and have the request counted and its access line written."""
        if status >= 500:
            set_error(self._span, str(status))
        self._server_request.finish(status, self._route)
        self._template.end(self._span, status)


class RequestRecorder:
    """Begins the record of each request."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._templates = {route: _template(telemetry, route) for route in (EVENTS_ROUTE, SHORT_ROUTE)}

    def begin(self, request: Request, peer: str) -> RequestRecord:
        """Open the span of a request from the address `peer`, in the trace that its headers name."""
        headers = request.headers
        route = route_of(request.path)
        template = self._templates[route]
        parent = parent_of({name: headers[name] for name in _CARRIED if name in headers})
        host, agent = headers.get("host", ""), mask_user_agent(headers.get("user-agent", ""))
        path = mask_path(request.path)
        span = template.start(parent, (path, peer, peer, host, agent))
        return RequestRecord(self._telemetry, request, route, template, span, path)


def _template(telemetry: Telemetry, route: str) -> Template:
    constants = {
        "http.request.method": "POST",
        "http.route": route,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }
    return Template(telemetry.tracer, f"POST {route}", SpanKind.SERVER, constants, _VARIABLES, _STATUS)
