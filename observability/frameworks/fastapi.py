"""FastAPI applications as hops."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability.client_address import note_addresses
from observability.health.pages import PATHS, page
from observability.http.error_answers import of_status, problem_of, refuse_nul
from observability.http.json_body import MAX_BODY_BYTES, parse_object, too_large
from observability.http.problem import Problem
from observability.instrumentation import UNTRACED_URLS
from observability.masking import mask_path
from observability.propagation import current_trace_id
from observability.server_request import QUIET_PATHS, TRACE_HEADER, ServerRequest
from observability.telemetry import Telemetry
from observability.validation.json_pointer import escape


def instrument(app: FastAPI, telemetry: Telemetry, *, behind_proxy: bool = True) -> None:
    """Make `app` a hop; call it before the first request.

    Adds server spans, HTTP metrics, an access line, the trace id header, health and metrics pages, problem
    documents for every error, a limit of MAX_BODY_BYTES on bodies, and a flush of the telemetry at shutdown.

    Parameters:
        behind_proxy: whether every request comes through a proxy that sets X-Forwarded-For, such as services
            nginx; else the header is any caller's word, and the client is the peer.
    """
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=telemetry.tracer_provider,
        excluded_urls=UNTRACED_URLS,
        exclude_spans=["receive", "send"],
    )
    app.add_middleware(_TelemetryMiddleware, telemetry=telemetry, behind_proxy=behind_proxy)
    for kind in (HTTPException, RequestValidationError, Problem):
        app.add_exception_handler(kind, _failed)
    _add_pages(app, telemetry)
    _flush_at_shutdown(app, telemetry)


async def json_body(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        Problem: see observability.http.json_body.parse_object.
    """
    return parse_object(await request.body(), request.headers.get("Content-Type"))


class _BodyTooLarge(HTTPException):
    """Raised while the body is read; FastAPI lets exceptions of this family through."""

    def __init__(self) -> None:
        super().__init__(413)


class _TelemetryMiddleware:
    """Observes each request from inside of its server span."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, behind_proxy: bool) -> None:
        self._app = app
        self._telemetry = telemetry
        self._behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        headers, peer = Headers(scope=scope), scope.get("client")
        server_request = ServerRequest(
            self._telemetry, scope["method"], mask_path(scope["path"]), headers.get("X-Caller")
        )
        note_addresses(peer and peer[0], headers.get("X-Forwarded-For") if self._behind_proxy else None)
        if scope["method"] == "HEAD":
            # FastAPI has no HEAD for its GET routes. The server, which knows the method, leaves out the body.
            scope = {**scope, "method": "GET"}
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if trace_id := current_trace_id():
                    MutableHeaders(scope=message)[TRACE_HEADER] = trace_id
            await send(message)

        try:
            refuse_nul(scope["path"], scope["query_string"].decode("latin-1"))
            _refuse_announced(scope)
            await self._app(scope, _limited(receive), observed)
        except ClientDisconnect:
            pass  # it went away within its body: there is none to answer
        except Exception as error:
            problem = problem_of(error)
            if status:  # the answer has begun: all that is left is to break it off
                raise
            await _respond(problem)(scope, receive, observed)
        finally:
            server_request.finish(status or 499, _route(scope))


def _refuse_announced(scope: Scope) -> None:
    announced = Headers(scope=scope).get("Content-Length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise too_large()


def _limited(receive: Receive) -> Receive:
    """`receive`, but a body that grows over the limit ends the request."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise _BodyTooLarge
        return message

    return limited


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", ""))


def _respond(problem: Problem) -> Response:
    return Response(
        problem.encode(current_trace_id()), problem.status, problem.headers, media_type=Problem.MEDIA_TYPE
    )


async def _failed(request: Request, error: Exception) -> Response:
    match error:
        case _BodyTooLarge():
            return _respond(too_large())
        case HTTPException() if error.status_code < 400:
            return Response(status_code=error.status_code, headers=error.headers)
        case HTTPException(status_code=405):
            return _respond(of_status(405, str(error.detail), {"Allow": ", ".join(_allowed(request))}))
        case HTTPException():
            return _respond(of_status(error.status_code, str(error.detail), dict(error.headers or {})))
        case RequestValidationError():
            return _respond(_invalid(error))
    return _respond(problem_of(error))


def _allowed(request: Request) -> list[str]:
    """The methods of an address. FastAPI has a route for each, and names those of one alone."""
    path = request.scope["path"]
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            methods |= route.methods or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _invalid(error: RequestValidationError) -> Problem:
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return Problem(400, "Malformed body", detail="The body is not JSON.")
    errors = [{"pointer": _pointer(item["loc"]), "detail": str(item["msg"])} for item in found[:20]]
    return Problem(422, "Invalid request", detail="Some values cannot be used.", errors=errors)


def _pointer(location: Sequence[str | int]) -> str:
    """Where a value is: a JSON pointer into the body, the parameter's name elsewhere."""
    place, *names = [escape(str(part)) for part in location]
    return "#" + "".join(f"/{name}" for name in names) if place == "body" else f"{place}:{'.'.join(names)}"


def _add_pages(app: FastAPI, telemetry: Telemetry) -> None:
    async def show(request: Request) -> Response:
        shown = await page(telemetry, request.url.path, request.headers.get("Accept"))
        return Response(shown.body, shown.status, {"Content-Type": shown.content_type})

    for path in PATHS:
        app.add_route(path, show, include_in_schema=False)


def _flush_at_shutdown(app: FastAPI, telemetry: Telemetry) -> None:
    """uvicorn ends by the signal it got, without the interpreter's exit handlers."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(instance: FastAPI) -> AsyncIterator[Any]:
        async with inner(instance) as state:
            yield state
        await asyncio.to_thread(telemetry.flush)

    app.router.lifespan_context = lifespan
