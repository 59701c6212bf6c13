"""Flask applications as hops."""

from typing import Any

from flask import Blueprint, Flask, Response, g, request
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.trace import Span
from werkzeug.exceptions import HTTPException

from observability.client_address import note_addresses
from observability.health.pages import PATHS, page_blocking
from observability.http.error_answers import of_status, problem_of, refuse_nul
from observability.http.json_body import MAX_BODY_BYTES, parse_object
from observability.http.problem import Problem
from observability.instrumentation import UNTRACED_URLS
from observability.masking import mask_path
from observability.metrics import known_method
from observability.propagation import current_trace_id
from observability.server_request import QUIET_PATHS, TRACE_HEADER, ServerRequest
from observability.telemetry import Telemetry


def instrument(app: Flask, telemetry: Telemetry) -> None:
    """Make `app` a hop; call it before the application adds hooks of its own.

    Adds server spans, HTTP metrics, an access line, the trace id header, health and metrics pages, problem
    documents for every error, and a limit of MAX_BODY_BYTES on bodies.
    """
    # One more than the limit: of a body without a length Werkzeug cuts off what is more, and says nothing.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
        app,
        tracer_provider=telemetry.tracer_provider,
        excluded_urls=UNTRACED_URLS,
        request_hook=_name_unrouted,
        enable_commenter=False,
    )

    @app.before_request
    def start() -> None:
        if request.path not in QUIET_PATHS:
            g.server_request = ServerRequest(
                telemetry, request.method, mask_path(request.path), request.headers.get("X-Caller")
            )
            g.status = 500
            note_addresses(request.remote_addr, request.headers.get("X-Forwarded-For"))
            refuse_nul(request.path, request.query_string.decode("latin-1"))

    @app.after_request
    def answer(response: Response) -> Response:
        g.status = response.status_code
        if trace_id := current_trace_id():
            response.headers[TRACE_HEADER] = trace_id
        return response

    @app.teardown_request
    def finish(_error: BaseException | None) -> None:
        if server_request := g.pop("server_request", None):
            server_request.finish(g.status, request.url_rule.rule if request.url_rule else "")

    app.register_error_handler(Exception, _failed)
    app.register_blueprint(_pages(telemetry))


def json_body() -> dict[str, Any]:
    """The current request's body as a JSON object.

    Raises:
        Problem: see observability.http.json_body.parse_object.
    """
    return parse_object(request.get_data(cache=False), request.content_type)


def _name_unrouted(span: Span, environ: dict[str, Any]) -> None:
    """A path that leads nowhere must not name a span: callers make up as many as they like."""
    if request.url_rule is None:
        method = known_method(environ["REQUEST_METHOD"])
        span.update_name("HTTP" if method == "_OTHER" else method)


def _failed(error: Exception) -> Response | HTTPException:
    if not isinstance(error, HTTPException):
        return _respond(problem_of(error))
    if error.code is None or error.code < 400 or error.response is not None:
        return error
    headers = {
        name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")
    }
    return _respond(of_status(error.code, error.description, headers))


def _respond(problem: Problem) -> Response:
    return Response(
        problem.encode(current_trace_id()), problem.status, problem.headers, content_type=Problem.MEDIA_TYPE
    )


def _pages(telemetry: Telemetry) -> Blueprint:
    blueprint = Blueprint("telemetry", __name__)

    def show() -> Response:
        page = page_blocking(telemetry, request.path, request.headers.get("Accept"))
        return Response(page.body, page.status, content_type=page.content_type)

    for path in PATHS:
        blueprint.add_url_rule(path, endpoint=path.strip("/").replace("/", "-"), view_func=show)
    return blueprint
