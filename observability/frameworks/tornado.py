"""Tornado applications as hops."""

import asyncio
from collections.abc import Awaitable
from functools import cache
from types import TracebackType
from typing import Any

from opentelemetry.instrumentation.tornado import TornadoInstrumentor
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler

from observability.frameworks import tornado_spans
from observability.health.pages import PATHS, page
from observability.http.error_answers import of_status, problem_of, refuse_nul
from observability.http.json_body import parse_object
from observability.http.problem import Problem
from observability.masking import mask_path
from observability.propagation import current_trace_id
from observability.server_request import TRACE_HEADER, ServerRequest
from observability.telemetry import Telemetry, current

#: Of an application: its telemetry.
_SETTING = "telemetry"


def instrument(app: Application, telemetry: Telemetry) -> None:
    """Make `app` a hop; call it before the first request.

    Adds server spans, health and metrics pages, and a problem document for paths without a route. Handlers
    that derive from `Handler` have HTTP metrics, access lines and problem documents, too.
    """
    app.settings[_SETTING] = telemetry
    trace_handlers(telemetry)
    add_pages(app, telemetry)
    app.settings.setdefault("default_handler_class", NotFound)


@cache
def trace_handlers(telemetry: Telemetry) -> None:
    """Give every handler of the process server spans; of several telemetries, the first one's."""
    tornado_spans.repair()
    TornadoInstrumentor().instrument(  # type: ignore[no-untyped-call]
        tracer_provider=telemetry.tracer_provider
    )


def add_pages(app: Application, telemetry: Telemetry) -> None:
    """Serve health and metrics pages from `app`, and nothing else of a hop's."""
    app.add_handlers(".*", [(path, _PageHandler, {"telemetry": telemetry}) for path in PATHS])


async def drain(timeout_seconds: float) -> bool:
    """Wait until no request is in progress; False when `timeout_seconds` were not enough."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await _progress.idle.wait()
    except TimeoutError:
        return False
    return True


class _Progress:
    """The requests that handlers of this process have begun and not answered."""

    def __init__(self) -> None:
        self._requests = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def enter(self) -> None:
        self._requests += 1
        self.idle.clear()

    def leave(self) -> None:
        self._requests -= 1
        if not self._requests:
            self.idle.set()


_progress = _Progress()


class Handler(RequestHandler):
    """A handler with HTTP metrics, an access line, the trace id header, and problem documents for errors.

    Raise `Problem` (or tornado's HTTPError) for an error answer.
    """

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        super().__init__(application, request, **kwargs)
        caller = request.headers.get("X-Caller")
        telemetry: Telemetry = application.settings.get(_SETTING) or current()
        self._server_request = ServerRequest(telemetry, request.method or "", mask_path(request.path), caller)
        _progress.enter()

    async def head(self, *arguments: str, **named: str) -> None:
        """Answer as `get` does, where there is one; tornado leaves out the body."""
        answered: Awaitable[None] | None = self.get(*arguments, **named)
        if answered is not None:
            await answered

    def json_body(self) -> dict[str, Any]:
        """The request's body as a JSON object.

        Raises:
            Problem: see observability.http.json_body.parse_object.
        """
        return parse_object(self.request.body, self.request.headers.get("Content-Type"))

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """As tornado's; text that no database can hold is refused with a 400."""
        text = super().decode_argument(value, name)
        refuse_nul(text, "")
        return text

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an unexpected exception with its stack trace; the access line says enough of the others."""
        if value is not None and not isinstance(value, HTTPError | Problem):
            problem_of(value)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """As tornado's, with a problem's own status."""
        error = kwargs.get("exc_info", (None, None))[1]
        super().send_error(error.status if isinstance(error, Problem) else status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the problem document of what was raised."""
        error = kwargs.get("exc_info", (None, None))[1]
        problem = error if isinstance(error, Problem) else self._problem(status_code, error)
        for name, value in problem.headers.items():
            self.set_header(name, value)
        self.set_header("Content-Type", Problem.MEDIA_TYPE)
        self.finish(problem.encode(current_trace_id()))

    def flush(self, include_footers: bool = False) -> "asyncio.Future[None]":
        """As tornado's; the trace id goes out with the headers."""
        if not self._headers_written and (trace_id := current_trace_id()):
            self.set_header(TRACE_HEADER, trace_id)
        return super().flush(include_footers)

    def _problem(self, status: int, error: BaseException | None) -> Problem:
        detail = error.log_message if isinstance(error, HTTPError) and status < 500 else None
        headers = {"Allow": ", ".join(self._methods())} if status == 405 else None
        return of_status(status, detail, headers)

    def _methods(self) -> list[str]:
        own = [
            name
            for name in self.SUPPORTED_METHODS
            if getattr(type(self), name.lower()) is not getattr(RequestHandler, name.lower())
        ]
        return [name for name in own if name != "HEAD" or "GET" in own]

    def has_access_line(self) -> bool:
        """Whether an access line is written for the request, whose status is known."""
        return True

    def count(self) -> None:
        """Count the request and write its access line, unless that was done.

        Done at the end of each answer. An answer that goes on until one side ends it (a stream) is counted
        when its head has left: how long it goes on says nothing about the hop.
        """
        route = tornado_spans.route_of(self)
        self._server_request.finish(self.get_status(), route, has_line=self.has_access_line())

    def _log(self) -> None:
        """Called once an answer is complete, while the span is still open."""
        self.count()
        _progress.leave()


class NotFound(Handler):
    """The answer to paths without a route: an application's `default_handler_class`."""

    def prepare(self) -> None:
        raise HTTPError(404)

    def send_error(self, status_code: int = 404, **kwargs: Any) -> None:
        """A 404 to methods that HTTP does not know, too, which tornado refuses first."""
        super().send_error(404, **kwargs)


class _PageHandler(RequestHandler):
    """Health and metrics: neither traced nor counted."""

    def initialize(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def get(self) -> None:
        shown = await page(self._telemetry, self.request.path, self.request.headers.get("Accept"))
        self.set_status(shown.status)
        self.set_header("Content-Type", shown.content_type)
        self.finish(shown.body)

    head = get

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer with a problem document."""
        if status_code == 405:
            self.set_header("Allow", "GET, HEAD")
        self.set_header("Content-Type", Problem.MEDIA_TYPE)
        self.finish(of_status(status_code).encode())

    def _log(self) -> None:
        """Write no access line: probes come every second."""
