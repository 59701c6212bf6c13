"""Reading an instance's telemetry back: traces from Jaeger, logs from Loki, metrics from Prometheus; from
existing ones where compose/platform.yaml names them."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.store_client import StoreClient, TelemetryError
from compose.cli.stores import Stores

#: Loki answers no more lines than this at once.
MAX_LOG_LINES = 5000

#: How far the clock of a log line may be before that of the first span.
_CLOCKS = timedelta(minutes=1)

#: Where Jaeger's page puts itself; in what a Jaeger without it answers there is no such element.
_PAGE = 'id="jaeger-ui-root"'

#: Labels and value of one series at one time.
Sample = tuple[dict[str, str], float]


def known(value: float | None) -> float | None:
    """A sample's value; None for one that is not there or not a number, as of a ratio of nothing."""
    return None if value is None or math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a span or a log line has it."""

    kind: str
    """Its type."""
    message: str
    stack: str
    """As its language prints it."""

    def deepest(self, count: int) -> list[str]:
        """The frames next to where it was raised (of the cause, where there is one), the deepest last."""
        lines = self.stack.splitlines()
        if any(map(_JAVA_FRAME.match, lines)):
            causes = [number for number, line in enumerate(lines) if line.startswith("Caused by:")]
            of_cause = lines[causes[-1] :] if causes else lines
            return [line.strip() for line in of_cause if _JAVA_FRAME.match(line)][:count][::-1]
        found = [match for line in lines if (match := _PYTHON_FRAME.match(line))]
        return [f"{match[1]}:{match[2]} in {match[3]}" for match in found[-count:]]


_PYTHON_FRAME = re.compile(r'\s*File "(.+)", line (\d+), in (.+)')
_JAVA_FRAME = re.compile(r"\s+at \S+\(.*\)")


@dataclass(frozen=True, slots=True)
class Span:
    """One span as Jaeger stores it. Times in microseconds, `start` since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    name: str
    start: int
    duration: int
    tags: Mapping[str, Any] = field(default_factory=dict)
    raised: tuple[Raised, ...] = ()
    """The exceptions that were recorded in it."""

    @property
    def end(self) -> int:
        return self.start + self.duration

    @property
    def kind(self) -> str:
        return str(self.tags.get("span.kind", "internal"))

    @property
    def failed(self) -> bool:
        return self.tags.get("otel.status_code") == "ERROR"

    @property
    def status_description(self) -> str:
        """Why it failed, in the words of its hop; empty where none were given."""
        return str(self.tags.get("otel.status_description", ""))


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log line as Loki stores it. `time` in nanoseconds since the epoch."""

    time: int
    service: str
    message: str
    labels: Mapping[str, str]

    @property
    def span_id(self) -> str:
        return self.labels.get("span_id", "")

    @property
    def level(self) -> str:
        return self.labels.get("severity_text") or self.labels.get("detected_level", "")

    @property
    def raised(self) -> Raised | None:
        """The exception that it was written with."""
        kind = self.labels.get("error_type", "")
        stack = self.labels.get("error_stack", "")
        return Raised(kind, self.labels.get("error_message", ""), stack) if kind and stack else None


class Telemetry:
    """The telemetry back ends of one instance: `stores` says where they are, `client` asks them. Log lines
    are kept for `logs_kept`.

    Raises Refused where the platform's settings are wrong.
    """

    def __init__(self, layout: Layout, timeout_seconds: float = 10.0) -> None:
        platform = Platform.load(layout.root)
        self.stores = Stores.of(layout.root, platform, Site.native(layout))
        self.client = StoreClient(timeout_seconds)
        self.logs_kept = timedelta(hours=platform.logs_hours)

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, oldest first; empty when Jaeger does not (yet) know it.

        Raises:
            TelemetryError: Jaeger is not answering, or none is named that knows the traces.
        """
        answer = self.client.get(self.stores.jaeger, f"/api/traces/{trace_id}", missing={})
        return [span for trace in _traces(answer) for span in trace]

    def traces(self, trace_ids: Sequence[str]) -> list[list[Span]]:
        """The spans of each of the traces that Jaeger knows, oldest first. Raises TelemetryError."""
        return _traces(self.client.get(self.stores.jaeger, "/api/traces", {"traceID": trace_ids}))

    def find_traces(self, parameters: Mapping[str, str]) -> list[list[Span]]:
        """The traces that Jaeger finds by the parameters of its search, each its spans, oldest first.

        Raises TelemetryError.
        """
        return _traces(self.client.get(self.stores.jaeger, "/api/traces", parameters))

    def hops(self) -> list[str]:
        """The hops that Jaeger has spans of. Raises TelemetryError."""
        return sorted(self.client.get(self.stores.jaeger, "/api/services")["data"] or ())

    def operations(self, hop: str) -> list[str]:
        """The names of a hop's spans that Jaeger has. Raises TelemetryError."""
        parameters = {"service": hop}
        found = self.client.get(self.stores.jaeger, "/api/operations", parameters)["data"] or ()
        return sorted({operation["name"] for operation in found})

    def unreachable(self) -> list[str]:
        """A line for each existing store that does not answer at all; what it answers does not matter."""
        with ThreadPoolExecutor() as pool:
            return [said for said in pool.map(self.client.why_unreachable, self.stores.existing) if said]

    def has_trace_page(self) -> bool:
        """Whether Jaeger has its own page: a binary that is built from its Go module alone has none."""
        try:
            return _PAGE in self.client.ask("GET", self.stores.jaeger, "/").text
        except TelemetryError:
            return False

    def logs(
        self,
        query: str,
        lookback: timedelta = timedelta(hours=24),
        *,
        limit: int = MAX_LOG_LINES,
        newest: bool = False,
    ) -> list[LogLine]:
        """The log lines that a LogQL query selects, oldest first.

        Args:
            limit: how many at most.
            newest: of more than `limit`, whether the newest are wanted, not the oldest.

        Raises:
            TelemetryError: Loki is not answering, or refuses the query.
        """
        now = datetime.now(UTC)
        parameters = {
            "query": query,
            "start": f"{(now - lookback).timestamp():.0f}",
            "end": f"{(now + timedelta(minutes=1)).timestamp():.0f}",
            "limit": str(limit),
            "direction": "backward" if newest else "forward",
        }
        answer = self.client.get(self.stores.loki, "/loki/api/v1/query_range", parameters)
        lines = [
            LogLine(int(time), stream["stream"].get("service_name", ""), text, stream["stream"])
            for stream in answer["data"]["result"]
            for time, text, *_ in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.time)

    def trace_logs(self, trace_id: str, spans: Sequence[Span] = ()) -> list[LogLine]:
        """Every hop's log lines that carry the trace id, as old as lines are kept.

        Args:
            spans: those of the trace, as far as they are known: nothing older than them is searched.
        """
        lookback = self.logs_kept
        if spans:
            first = datetime.fromtimestamp(min(span.start for span in spans) / 1e6, UTC)
            lookback = min(lookback, datetime.now(UTC) - first + _CLOCKS)
        return self.logs(f'{{service_name=~".+"}} | trace_id="{trace_id}"', lookback)

    def metric(self, query: str) -> list[Sample]:
        """The instant vector of a PromQL query: labels and value.

        Raises:
            TelemetryError: Prometheus is not answering, or refuses the query.
        """
        return _vector(self.client.get(self.stores.prometheus, "/api/v1/query", {"query": query})["data"])

    def log_metric(self, query: str) -> list[Sample]:
        """The instant vector of a LogQL metric query, such as a count of lines.

        Raises:
            TelemetryError: Loki is not answering, or refuses the query.
        """
        return _vector(self.client.get(self.stores.loki, "/loki/api/v1/query", {"query": query})["data"])

    def targets(self) -> list[dict[str, Any]]:
        """Prometheus' active targets as its API gives them."""
        answer = self.client.get(self.stores.prometheus, "/api/v1/targets")
        found: list[dict[str, Any]] = answer["data"]["activeTargets"]
        return found


def _vector(data: Mapping[str, Any]) -> list[Sample]:
    if data["resultType"] == "scalar":
        return [({}, float(data["result"][1]))]
    return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]


def _traces(answer: Mapping[str, Any]) -> list[list[Span]]:
    return [_spans(trace) for trace in answer.get("data") or ()]


def _spans(trace: Mapping[str, Any]) -> list[Span]:
    processes = trace["processes"]
    found = [_span(span, processes[span["processID"]]["serviceName"]) for span in trace["spans"]]
    return sorted(found, key=lambda span: (span.start, -span.duration))


def _span(span: Mapping[str, Any], service: str) -> Span:
    parents = [
        r["spanID"]
        for r in span.get("references", ())
        if r["refType"] == "CHILD_OF" and r["traceID"] == span["traceID"]
    ]
    return Span(
        trace_id=span["traceID"],
        span_id=span["spanID"],
        parent_id=parents[0] if parents else None,
        service=service,
        name=span["operationName"],
        start=span["startTime"],
        duration=span["duration"],
        tags={tag["key"]: tag["value"] for tag in span.get("tags", ())},
        raised=tuple(_raised(span)),
    )


def _raised(span: Mapping[str, Any]) -> Iterator[Raised]:
    for event in span.get("logs") or ():
        fields = {one["key"]: str(one["value"]) for one in event["fields"]}
        if "exception.type" in fields:
            message, stack = fields.get("exception.message", ""), fields.get("exception.stacktrace", "")
            yield Raised(fields["exception.type"], message, stack)
