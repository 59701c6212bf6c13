"""Traces that fit what is asked for: by Jaeger's search, or by the lines of Loki.

Jaeger's search is wider than what is asked: its tags and durations may be of several spans of a trace, and it
knows no class of status. So its answers are looked through, page by page and back in time, until enough fit.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from compose.cli.names import EDGE, GATEWAY
from compose.cli.telemetry import LogLine, Span, Telemetry

SEARCH_SECONDS = 30.0
"""No further page is asked for after this time."""

_MAX_PAGES = 20
_MAX_PAGE_TRACES = 200
_MAX_LINES = 1000
_IDS_A_PAGE = 20
_SYNTHETIC = ("user_agent.synthetic.type", "test")


@dataclass(frozen=True)
class Search:
    """The conditions of a search. With `hop` all of them are about one span of that hop; without, `failed` is
    about any span, and the rest about the root span: a request from outside, as the edge saw it.

    route: its route, or its operation. statuses: of HTTP. least, most: how long it takes, in microseconds.
    text: what a log line of the trace (of the hop) has in its message; capitals do not count.
    """

    since: datetime
    limit: int
    hop: str | None = None
    route: str | None = None
    statuses: range | None = None
    least: int | None = None
    most: int | None = None
    failed: bool = False
    text: str | None = None
    with_demo: bool = True
    slowest: bool = False

    @property
    def is_about_one_span(self) -> bool:
        """Whether one span has to fit, not only any."""
        return any(asked is not None for asked in (self.route, self.statuses, self.least, self.most))


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """A trace by the span that fits. start, duration: of that span, in microseconds. Of a trace whose spans
    are not stored (any more) there are a line's time, hop and message, and no duration."""

    trace_id: str
    start: int
    hop: str
    operation: str
    status: int | None = None
    duration: int | None = None
    spans: int = 0
    failed_spans: int = 0


@dataclass(frozen=True)
class Result:
    """traces: those that fit, in order. stopped_at: how far back was looked, in microseconds since the epoch,
    where that is not all of the time asked for and more may fit; else None."""

    traces: list[FoundTrace]
    stopped_at: int | None = None


def find(telemetry: Telemetry, search: Search) -> Result:
    """The traces that fit, at most `search.limit`: the newest, or the slowest. Raises TelemetryError."""
    deadline = time.monotonic() + SEARCH_SECONDS
    if search.text is not None:
        found, stopped_at = _by_text(telemetry, search, deadline)
        return Result(_best(search, found), stopped_at)
    traces: dict[str, FoundTrace] = {}
    stops = []
    for hop in _asked_hops(telemetry, search):
        of_hop, stopped_at = _of_hop(telemetry, search, hop, deadline)
        traces |= of_hop
        if stopped_at is not None:
            stops.append(stopped_at)
    return Result(_best(search, traces.values()), max(stops, default=None))


def _best(search: Search, found: Iterable[FoundTrace]) -> list[FoundTrace]:
    if search.slowest:
        return sorted(found, key=lambda trace: -(trace.duration or 0))[: search.limit]
    return sorted(found, key=lambda trace: -trace.start)[: search.limit]


# --- by spans


def _asked_hops(telemetry: Telemetry, search: Search) -> Sequence[str]:
    """The hops whose spans Jaeger is asked for: it takes one at a time."""
    if search.hop is not None:
        return (search.hop,)
    if search.route is not None:
        return (GATEWAY, EDGE)  # what the edge refuses has a route there alone
    if search.failed and not search.is_about_one_span:
        return telemetry.hops()
    return (EDGE,)


def _of_hop(
    telemetry: Telemetry, search: Search, hop: str, deadline: float
) -> tuple[dict[str, FoundTrace], int | None]:
    """The traces that fit and have spans of a hop, by id, and how far back was looked if not to the end."""
    found: dict[str, FoundTrace] = {}
    seen: set[str] = set()
    size = search.limit
    least, end = search.least, _microseconds(datetime.now(UTC))
    for _ in range(_MAX_PAGES):
        traces = telemetry.find_traces(_parameters(search, hop, least, end) | {"limit": str(size)})
        new = [trace for trace in traces if trace[0].trace_id not in seen]
        seen |= {trace[0].trace_id for trace in new}
        found |= {one.trace_id: one for trace in new if (one := fitting(trace, search))}
        is_enough = len(found) >= search.limit
        if len(traces) < size or (is_enough and not search.slowest):
            return found, None
        if is_enough:  # what is older has to be slower than these to be among the slowest
            least = max(least or 0, _best(search, found.values())[-1].duration or 0)
        end = _older(traces, hop, end, is_stuck=not new)
        size = max(size, min(2 * size, _MAX_PAGE_TRACES))
        if time.monotonic() > deadline:
            break
    return found, end


def _parameters(search: Search, hop: str, least: int | None, end: int) -> dict[str, str]:
    """The parameters of a query to Jaeger, which may match more than the search and never less."""
    given = {
        "service": hop,
        "start": str(max(0, _microseconds(search.since))),
        "end": str(end),
        "minDuration": None if least is None else f"{least}us",
        "maxDuration": None if search.most is None else f"{search.most}us",
    }
    tags: dict[str, str] = {}
    if search.route is not None and " " in search.route:
        given["operation"] = search.route
    elif search.route is not None and search.route.startswith("/"):
        tags["http.route"] = search.route
    if search.statuses is not None and search.route is None:  # the gateway's may be another than the edge's
        if len(search.statuses) == 1:
            tags["http.response.status_code"] = str(search.statuses[0])
        elif search.hop is None and search.statuses[0] >= 500:  # such a span of the edge has failed
            tags["error"] = "true"
    if search.failed and (search.hop is not None or not search.is_about_one_span):
        tags["error"] = "true"
    if not search.with_demo and hop in (EDGE, GATEWAY):  # others have spans that do not say what they are not
        tags["nextphase.synthetic"] = "false"
    if tags:
        given["tags"] = json.dumps(tags)
    return {name: value for name, value in given.items() if value is not None}


def _older(traces: Sequence[Sequence[Span]], hop: str, end: int, *, is_stuck: bool) -> int:
    """How far back a page reached. Each trace was found by a span of the hop: its newest, or, where going on
    from there has brought nothing new, its oldest."""
    starts = [[span.start for span in trace if span.service == hop and span.start <= end] for trace in traces]
    if is_stuck:
        return min((min(times) for times in starts if times), default=end) - 1
    return min((max(times) for times in starts if times), default=end)


def fitting(spans: Sequence[Span], search: Search) -> FoundTrace | None:
    """The trace, where its spans are what is asked for. spans: oldest first, at least one."""
    if not search.with_demo and any(span.tags.get(_SYNTHETIC[0]) == _SYNTHETIC[1] for span in spans):
        return None
    if search.hop is not None:
        candidates = [
            (span, span.name)
            for span in spans
            if span.service == search.hop and (span.failed or not search.failed)
        ]
    elif search.failed and not any(span.failed for span in spans):
        return None
    else:
        first = _first(spans)
        candidates = [(first, _public_operation(first, spans))]
    fits = [(span, operation) for span, operation in candidates if _fits(span, operation, search)]
    if not fits:
        return None
    span, operation = max(fits, key=lambda fit: fit[0].duration)
    failed = sum(span.failed for span in spans)
    status = _status(span)
    trace_id = span.trace_id.zfill(32)  # Jaeger leaves out the first half where it is 0
    return FoundTrace(
        trace_id, span.start, span.service, operation, status, span.duration, len(spans), failed
    )


def _first(spans: Sequence[Span]) -> Span:
    known = {span.span_id for span in spans}
    return next((span for span in spans if span.parent_id not in known), spans[0])


def _public_operation(first: Span, spans: Sequence[Span]) -> str:
    """The operation of a request from outside: the edge knows a route's beginning, the gateway all of it."""
    if first.service == EDGE:
        of_gateway = (span.name for span in spans if span.service == GATEWAY and span.kind == "server")
        return next(of_gateway, first.name)
    return first.name


def _fits(span: Span, operation: str, search: Search) -> bool:
    routes = (operation, operation.partition(" ")[2])
    return (
        (search.route is None or search.route in routes)
        and (search.statuses is None or _status(span) in search.statuses)
        and (search.least is None or span.duration >= search.least)
        and (search.most is None or span.duration <= search.most)
    )


def _status(span: Span) -> int | None:
    """The HTTP status of the answer."""
    text = str(span.tags.get("http.response.status_code", ""))
    return int(text) if text.isascii() and text.isdigit() else None


# --- by log lines


def _by_text(telemetry: Telemetry, search: Search, deadline: float) -> tuple[list[FoundTrace], int | None]:
    """The traces that fit among those of the newest lines, and how far back was looked if not to the end."""
    lookback = min(datetime.now(UTC) - search.since, telemetry.logs_kept)  # Loki refuses to look further back
    lines = telemetry.logs(_line_query(search), lookback, limit=_MAX_LINES, newest=True)
    newest = {line.labels["trace_id"]: line for line in lines}  # the last of each: its newest
    by_time = sorted(newest.values(), key=lambda line: -line.time)
    found: list[FoundTrace] = []
    for begin in range(0, len(by_time), _IDS_A_PAGE):
        page = by_time[begin : begin + _IDS_A_PAGE]
        found += _of_lines(telemetry, search, page)
        if len(found) >= search.limit and not search.slowest:
            return found, None
        if time.monotonic() > deadline:
            return found, page[-1].time // 1000
    return found, by_time[-1].time // 1000 if len(lines) == _MAX_LINES else None


def _line_query(search: Search) -> str:
    """LogQL for the lines of traces that have the text."""
    selector = f'{{service_name="{search.hop}"}}' if search.hop else '{service_name=~".+"}'
    pattern = json.dumps("(?i)" + re.escape(search.text or ""), ensure_ascii=False)
    without_demo = "" if search.with_demo else ' | user_agent_synthetic_type!="test"'
    return f'{selector} |~ {pattern} | trace_id!=""{without_demo} | keep trace_id, service_name'


def _of_lines(telemetry: Telemetry, search: Search, lines: Sequence[LogLine]) -> Iterator[FoundTrace]:
    ids = [line.labels["trace_id"] for line in lines]
    traces = telemetry.traces(ids) if telemetry.stores.jaeger.url else []
    by_id = {trace[0].trace_id.zfill(32): trace for trace in traces}
    for line, trace_id in zip(lines, ids, strict=True):
        if spans := by_id.get(trace_id):
            if one := fitting(spans, search):
                yield one
        elif not (search.failed or search.is_about_one_span):
            yield FoundTrace(trace_id, line.time // 1000, line.service, line.message)


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
