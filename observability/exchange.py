"""One HTTP request as telemetry sees it: metrics, the access line, the trace id for its caller."""

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from observability.hop import Hop
from observability.logs import Lines
from observability.problem import Problem
from observability.tracing import current_trace_id

TRACE_HEADER = "X-Trace-Id"
#: Paths of health and metrics: not traced, not counted, not logged.
QUIET_PATHS = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})

_access = Lines("access")
_errors = logging.getLogger("errors")


class Exchange:
    """A request from its start to its answer. Make it where the server span is current.

    Args:
        hop: the hop that answers.
        method: as the caller sent it.
        path: the request's path, without its query.
        caller: what X-Caller says; services nginx sets it.
    """

    def __init__(self, hop: Hop, method: str, path: str, caller: str | None) -> None:
        self._hop = hop
        self._method = method
        self._path = path
        self._caller = caller
        self._started = time.perf_counter()
        self._open = True
        hop.metrics.request_started(method)

    def finish(self, status: int, route: str, more: Mapping[str, str] | None = None) -> None:
        """Count the request and write its access line; once, however often it is called.

        Args:
            status: of the answer.
            route: pattern of the route, such as `/orders/{id}`; empty when none matched.
            more: fields of the access line that only this hop has.
        """
        if not self._open:
            return
        self._open = False
        seconds = time.perf_counter() - self._started
        self._hop.metrics.request_finished(self._method, route, status, seconds, current_trace_id())
        fields: dict[str, Any] = {
            "method": self._method,
            "path": self._path,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        if self._caller:
            fields["caller"] = self._caller
        if more:
            fields |= more
        level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
        _access.write(level, f"{self._method} {self._path} {status}", fields)


def problem_of(error: BaseException) -> Problem:
    """The answer to an exception: itself if it is a Problem; else it is logged with its stack trace, put
    down in the span, and answered with a 500 that says nothing about the inside."""
    if isinstance(error, Problem):
        return error
    _errors.error("Unhandled %s", type(error).__name__, exc_info=error)
    span = trace.get_current_span()
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    return Problem(500, detail="The request could not be handled. The trace id finds the cause.")


def of_status(status: int, detail: str | None = None, headers: dict[str, str] | None = None) -> Problem:
    """The problem that a bare HTTP error stands for."""
    return Problem(status, detail=detail, headers=headers)


def refuse_nul(path: str, query: str) -> None:
    """Refuse U+0000 in a target: no database text holds it, so no resource has such a name.

    Args:
        path: decoded path.
        query: query as sent.

    Raises:
        Problem: 400.
    """
    if "\0" in path or "%00" in query or "\0" in query:
        raise Problem(400, detail="The target has a U+0000.")
