"""The server span, log line and metrics of a request."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from tornado.httputil import HTTPHeaders

from gateway import baggage
from gateway.config.route import Route
from gateway.long_lived.connections import LongLived
from gateway.messages import Request
from observability import Telemetry
from observability.access_line import ConnectionEnd
from observability.masking import mask_path, mask_user_agent
from observability.metrics import known_method
from observability.propagation import context_of, hex_trace_id
from observability.server_request import ServerRequest
from observability.span_error import set_error
from observability.tracer import Template

_STATUS = "http.response.status_code"
_VARIABLES = ("url.path", "client.address", "network.peer.address", "user_agent.original")


class RequestRecord:
    """The telemetry of one request, from its head to its end.

    Attributes:
        context: with the request's span, and the baggage that it brings.
        trace_id: 32 hex digits.
    """

    __slots__ = (
        "_long_lived",
        "_request",
        "_route",
        "_server_request",
        "_template",
        "context",
        "span",
        "trace_id",
    )

    def __init__(
        self,
        telemetry: Telemetry,
        request: Request,
        route: Route | None,
        template: Template,
        span: Span,
        parent: Context,
        path: str,
    ) -> None:
        self.span = span
        self.context = trace.set_span_in_context(span, parent)
        own = span.get_span_context()
        self.trace_id = hex_trace_id(own.trace_id)
        self._request = request
        self._route = route.template.text if route is not None else ""
        self._template = template
        self._long_lived: LongLived | None = None
        self._server_request = ServerRequest(telemetry, request.method, path, None, own)

    def keep_open(self, connection: LongLived) -> None:
        """Take note that the response is kept open: its head is there, which is the request's duration."""
        self._long_lived = connection
        self._server_request.answered()
        self.span.add_event("gateway.opened", {"gateway.kind": connection.kind})

    def end(self, status: int) -> None:
        """End the span, and have the request counted and its access line written.

        Parameters:
            status: of the response.
        """
        caller = self._request.caller
        if status >= 500:
            set_error(self.span, str(status))
        self._server_request.finish(
            status,
            self._route,
            request_id=caller.request_id,
            client=caller.address,
            user=caller.subject,
            ended=None if self._long_lived is None else self._end_of(self._long_lived),
        )
        self._template.end(self.span, status)

    def _end_of(self, connection: LongLived) -> ConnectionEnd:
        """How a connection that was kept open ended, which its span says, too."""
        end = ConnectionEnd(
            connection.ended_by or "client", connection.bytes_to_client, connection.bytes_to_service
        )
        self.span.set_attributes(
            {
                "gateway.end_reason": end.end_reason,
                "gateway.bytes_to_client": end.bytes_to_client,
                "gateway.bytes_to_service": end.bytes_to_service,
            }
        )
        return end


class RequestRecorder:
    """Begins the record of each request."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._templates: dict[tuple[str, str | None], Template] = {}

    def clear(self) -> None:
        """Forget what spans of routes have in common: there are others now."""
        self._templates.clear()

    def begin(self, request: Request, route: Route | None, peer: str) -> RequestRecord:
        """Open the span of a request.

        Parameters:
            peer: the address at the other end of the connection.
        """
        parent = _extract(request.headers)
        pattern = route.template.text if route is not None else None
        template = self._template(known_method(request.method), pattern)
        agent = mask_user_agent(request.headers.get("User-Agent", "")) or None
        path = mask_path(request.path)
        values = (path, request.caller.address, peer, agent)
        span = template.start(trace.get_current_span(parent).get_span_context(), values)
        return RequestRecord(self._telemetry, request, route, template, span, parent, path)

    def _template(self, method: str, path: str | None) -> Template:
        """The template of the server spans of a method and a path."""
        template = self._templates.get((method, path))
        if template is None:
            name = "HTTP" if method == "_OTHER" else method
            constants = {"http.request.method": method, "url.scheme": "http"}
            if path is not None:
                name, constants["http.route"] = f"{name} {path}", path
            template = Template(self._telemetry.tracer, name, SpanKind.SERVER, constants, _VARIABLES, _STATUS)
            self._templates[method, path] = template
        return template


def _extract(headers: HTTPHeaders) -> Context:
    """The trace and the baggage that a request brings (W3C Trace Context, W3C Baggage)."""
    if "Traceparent" in headers:
        carried = context_of(headers.get("Traceparent"), headers.get("Tracestate"))
    else:
        carried = Context()
    return baggage.keep(headers, carried) if "Baggage" in headers else carried
