"""One HTTP request as telemetry sees it: metrics, the access line, the trace id for its caller."""

import logging
import time
from typing import Final

from msgspec import UNSET
from msgspec.structs import asdict
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext

from observability.access_line import AccessLine, ConnectionEnd, ConnectionLine
from observability.deferred import DEFERRED
from observability.logs import FastLogger, LogEntry
from observability.logs.log_line import level_name, time_of
from observability.propagation import hex_trace_id
from observability.synthetic import synthetic_type
from observability.telemetry import Telemetry

TRACE_HEADER = "X-Trace-Id"
#: Paths of health and metrics: not traced, not counted, not logged.
QUIET_PATHS = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})

#: From here on an answer says that something is wrong with the hop. (Enumerations are slow to compare.)
_FAULT: Final = 500

_access = FastLogger("access")
_logger = logging.getLogger(__name__)


class ServerRequest:
    """A request from its start to its answer.

    Args:
        telemetry: of the process that answers.
        method: as the caller sent it.
        path: the request's path, without its query, as `mask_path` gives it.
        caller: what X-Caller says; services nginx sets it.
        span: the context of its server span; where it is None, of the span that is current at the end.
    """

    __slots__ = (
        "_answered",
        "_caller",
        "_client",
        "_created",
        "_ended",
        "_has_line",
        "_method",
        "_open",
        "_path",
        "_request_id",
        "_route",
        "_seconds",
        "_span",
        "_started",
        "_status",
        "_telemetry",
        "_user",
    )  # fmt: skip

    def __init__(
        self,
        telemetry: Telemetry,
        method: str,
        path: str,
        caller: str | None,
        span: SpanContext | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._method = method
        self._path = path
        self._caller = caller
        self._span = span
        self._open = True
        self._answered: float | None = None
        self._started = time.perf_counter()
        telemetry.metrics.request_started(method)

    def answered(self) -> None:
        """Let the duration that is counted end here, with the head of an answer that is kept open."""
        self._answered = time.perf_counter() - self._started

    def finish(
        self,
        status: int,
        route: str,
        *,
        request_id: str | None = None,
        client: str | None = None,
        user: str | None = None,
        has_line: bool = True,
        ended: ConnectionEnd | None = None,
    ) -> None:
        """Have the request counted and its access line written; once, however often it is called.

        Args:
            status: of the answer.
            route: pattern of the route, such as `/orders/{id}`; empty when none matched.
            request_id: of the request, where the hop gives it one.
            client: the address of the caller.
            user: the subject of the caller's token.
            has_line: whether an access line is written.
            ended: how the connection ended, where it was kept open.
        """
        if not self._open:
            return
        self._open = False
        self._seconds, self._created = time.perf_counter() - self._started, time.time_ns()
        self._status, self._route, self._has_line = status, route, has_line
        self._request_id, self._client, self._user, self._ended = request_id, client, user, ended
        if self._span is None:
            self._span = trace.get_current_span().get_span_context()
        _ENDED.add(self)

    def entry(self) -> LogEntry | None:
        """Count the request; its access line, if it has one."""
        settings, metrics = self._telemetry.settings, self._telemetry.metrics
        method, path, status, created = self._method, self._path, self._status, self._created
        span: SpanContext = self._span or INVALID_SPAN_CONTEXT
        trace_id, span_id, _, _, state, is_valid = span
        hex_id = hex_trace_id(trace_id) if is_valid else None
        synthetic = synthetic_type(state)
        counted = self._seconds if self._answered is None else self._answered
        metrics.request_finished(method, self._route, status, counted, hex_id, synthetic)
        if not self._has_line:
            return None
        level = logging.ERROR if status >= _FAULT else logging.INFO
        line = AccessLine(
            settings.service,
            settings.instance_id,
            time_of(created),
            level_name(level),
            f"{method} {path} {status}",
            "access",
            hex_id or UNSET,
            f"{span_id:016x}" if is_valid else UNSET,
            method,
            path,
            self._route,
            status,
            int(self._seconds * 1e6) / 1000,
            self._caller or UNSET,
            self._request_id or UNSET,
            self._client or UNSET,
            self._user or UNSET,
            synthetic or UNSET,
        )
        if self._ended is not None:
            line = ConnectionLine(**asdict(line), **self._ended._asdict())
        return LogEntry(line, level, created, span)

    def lose(self) -> None:
        """Count the line of a request whose telemetry raised the current exception."""
        _logger.exception("The telemetry of a request is lost")
        self._telemetry.metrics.logs_dropped.inc()


def _write(ended: list[ServerRequest]) -> None:
    """Count requests and write their access lines."""
    entries: list[LogEntry] = []
    for server_request in ended:
        try:
            entry = server_request.entry()
        except Exception:  # it costs its own line, and no other request's
            server_request.lose()
        else:
            if entry is not None:
                entries.append(entry)
    if entries:
        _access.write_all(entries)


_ENDED = DEFERRED.queue(_write)
