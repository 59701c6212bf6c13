"""Django projects as hops."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.views.decorators.http import require_safe
from opentelemetry import trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import Span

from observability.client_address import note_addresses
from observability.health.pages import page_blocking
from observability.http.error_answers import of_status, problem_of, refuse_nul
from observability.http.json_body import parse_object, too_large
from observability.http.problem import Problem
from observability.instrumentation import UNTRACED_URLS
from observability.masking import mask_path
from observability.metrics import known_method
from observability.propagation import current_trace_id
from observability.server_request import QUIET_PATHS, TRACE_HEADER, ServerRequest
from observability.telemetry import Telemetry, current

#: What Django's own exceptions answer.
_STATUSES: dict[type[Exception], int] = {
    Http404: 404,
    PermissionDenied: 403,
    BadRequest: 400,
    SuspiciousOperation: 400,
    UnreadablePostError: 400,
}


#: The project's; a process has one.
_telemetry: Telemetry | None = None


def instrument(app: WSGIHandler, telemetry: Telemetry) -> None:
    """Make the project of `app` a hop; call it in wsgi.py, with what `get_wsgi_application` gives.

    Adds server spans, HTTP metrics, an access line, the trace id header, health and metrics pages, and
    problem documents for every error, by a middleware before the project's own.
    """
    global _telemetry
    _telemetry = telemetry
    settings.MIDDLEWARE = [f"{__name__}.{TelemetryMiddleware.__name__}", *settings.MIDDLEWARE]
    DjangoInstrumentor().instrument(
        tracer_provider=telemetry.tracer_provider,
        excluded_urls=UNTRACED_URLS,
        is_sql_commentor_enabled=False,
    )
    app.load_middleware()


def json_body(request: HttpRequest) -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        Problem: see observability.http.json_body.parse_object; 411 for a body without a length, which Django
            does not read. (nginx gives every body one.)
    """
    if "Transfer-Encoding" in request.headers:
        raise Problem(411)
    return parse_object(request.body, request.headers.get("Content-Type"))


class TelemetryMiddleware:
    """Health and metrics pages, HTTP metrics, an access line, the trace id, and problems for every error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in QUIET_PATHS:
            return _as_problem(_show(request))
        server_request = ServerRequest(
            _telemetry or current(),
            request.method or "",
            mask_path(request.path),
            request.headers.get("X-Caller"),
        )
        note_addresses(request.META.get("REMOTE_ADDR"), request.headers.get("X-Forwarded-For"))
        try:
            refuse_nul(request.path, request.META.get("QUERY_STRING", ""))
            response = _as_problem(self._get_response(request))
        except Exception as error:
            response = _respond(_problem(error))
        if trace_id := current_trace_id():
            response[TRACE_HEADER] = trace_id
        server_request.finish(response.status_code, _route(request))
        return response

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        """Name the span as the other frameworks do: by method and the route from its slash on."""
        span = trace.get_current_span()
        if isinstance(span, Span):
            route, method = _route(request), known_method(request.method or "")
            span.set_attribute("http.route", route)
            span.update_name(f"{'HTTP' if method == '_OTHER' else method} {route}")

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse:
        """Answer what a view raised."""
        return _respond(_problem(error))


def _problem(error: Exception) -> Problem:
    if isinstance(error, RequestDataTooBig):
        return too_large()
    status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), None)
    return problem_of(error) if status is None else of_status(status, str(error) or None)


def _as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """Django's own error pages as problems; a view's JSON stays what it is."""
    if response.status_code < 400 or not response.get("Content-Type", "").startswith("text/html"):
        return response
    kept = ("Allow", "Retry-After", "WWW-Authenticate")
    headers = {name: response[name] for name in kept if name in response}
    return _respond(of_status(response.status_code, headers=headers))


def _respond(problem: Problem) -> HttpResponse:
    return HttpResponse(
        problem.encode(current_trace_id()),
        status=problem.status,
        content_type=Problem.MEDIA_TYPE,
        headers=problem.headers,
    )


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return f"/{match.route.lstrip('^/')}" if match and match.route is not None else ""


@require_safe
def _show(request: HttpRequest) -> HttpResponse:
    page = page_blocking(_telemetry or current(), request.path, request.headers.get("Accept"))
    return HttpResponse(page.body, status=page.status, content_type=page.content_type)
