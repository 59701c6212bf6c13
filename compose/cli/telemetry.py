"""Reading an instance's telemetry back: traces from Jaeger, logs from Loki, metrics from Prometheus; from
existing ones where compose/platform.yaml names them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx

from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.stores import Store, Stores

#: Loki answers no more lines than this at once.
MAX_LOG_LINES = 5000

#: How far the clock of a log line may be before that of the first span.
_CLOCKS = timedelta(minutes=1)

#: Where Jaeger's page puts itself; in what a Jaeger without it answers there is no such element.
_PAGE = 'id="jaeger-ui-root"'

#: Labels and value of one series at one time.
Sample = tuple[dict[str, str], float]


class TelemetryError(Exception):
    """A telemetry back end gave no usable answer; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a span or a log line has it."""

    kind: str
    """Its type."""
    message: str
    stack: str
    """As its language prints it."""

    @classmethod
    def read(cls, stack: str) -> Self:
        """The exception that a stack trace tells of."""
        lines = stack.strip().splitlines() or [""]
        # Python prints type and message last, Java first.
        line = lines[0] if any(map(_JAVA_FRAME.match, lines)) else lines[-1]
        kind, _, message = line.partition(": ")
        return cls(kind, message, stack)

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
        stack = self.labels.get("exception", "")
        return Raised.read(stack) if stack else None


class Telemetry:
    """The telemetry back ends of one instance.

    Raises Refused where the platform's settings are wrong.
    """

    def __init__(self, layout: Layout, timeout_seconds: float = 10.0) -> None:
        self._platform = Platform.load(layout.root)
        self.stores = Stores.of(layout.root, self._platform, Site.native(layout))
        self._http = httpx.Client(timeout=timeout_seconds, trust_env=False)

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, oldest first; empty when Jaeger does not (yet) know it.

        Raises:
            TelemetryError: Jaeger is not answering, or none is named that knows the traces.
        """
        response = self._get(self.stores.jaeger, f"/api/traces/{trace_id}", accept=(200, 404))
        if response.status_code == 404:
            return []
        traces = response.json().get("data") or []
        return sorted((s for t in traces for s in _spans(t)), key=lambda span: (span.start, -span.duration))

    def unreachable(self) -> list[str]:
        """A line for each existing store that does not answer at all; what it answers does not matter."""
        with ThreadPoolExecutor() as pool:
            return [said for said in pool.map(self._why_unreachable, self.stores.existing) if said]

    def _why_unreachable(self, store: Store) -> str | None:
        try:
            self._http.get(str(store.url))
        except httpx.HTTPError as error:
            return f"{store.name} does not answer at {store.url}: {error or type(error).__name__}"
        return None

    def has_trace_page(self) -> bool:
        """Whether Jaeger has its own page: a binary that is built from its Go module alone has none."""
        try:
            return _PAGE in self._get(self.stores.jaeger, "/").text
        except TelemetryError:
            return False

    def logs(self, query: str, lookback: timedelta = timedelta(hours=24)) -> list[LogLine]:
        """The log lines that a LogQL query selects, oldest first.

        Raises:
            TelemetryError: Loki is not answering, or refuses the query.
        """
        now = datetime.now(UTC)
        parameters = {
            "query": query,
            "start": f"{(now - lookback).timestamp():.0f}",
            "end": f"{(now + timedelta(minutes=1)).timestamp():.0f}",
            "limit": str(MAX_LOG_LINES),
            "direction": "forward",
        }
        result = self._get(self.stores.loki, "/loki/api/v1/query_range", parameters).json()["data"]["result"]
        lines = [
            LogLine(int(time), stream["stream"].get("service_name", ""), text, stream["stream"])
            for stream in result
            for time, text, *_ in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.time)

    def trace_logs(self, trace_id: str, spans: Sequence[Span] = ()) -> list[LogLine]:
        """Every hop's log lines that carry the trace id, as old as lines are kept.

        Args:
            spans: those of the trace, as far as they are known: nothing older than them is searched.
        """
        lookback = timedelta(hours=self._platform.logs_hours)
        if spans:
            first = datetime.fromtimestamp(min(span.start for span in spans) / 1e6, UTC)
            lookback = min(lookback, datetime.now(UTC) - first + _CLOCKS)
        return self.logs(f'{{service_name=~".+"}} | trace_id="{trace_id}"', lookback)

    def metric(self, query: str) -> list[Sample]:
        """The instant vector of a PromQL query: labels and value.

        Raises:
            TelemetryError: Prometheus is not answering, or refuses the query.
        """
        return _vector(self._get(self.stores.prometheus, "/api/v1/query", {"query": query}).json()["data"])

    def log_metric(self, query: str) -> list[Sample]:
        """The instant vector of a LogQL metric query, such as a count of lines.

        Raises:
            TelemetryError: Loki is not answering, or refuses the query.
        """
        return _vector(self._get(self.stores.loki, "/loki/api/v1/query", {"query": query}).json()["data"])

    def targets(self) -> list[dict[str, Any]]:
        """Prometheus' active targets as its API gives them."""
        found: list[dict[str, Any]] = self._get(self.stores.prometheus, "/api/v1/targets").json()["data"][
            "activeTargets"
        ]
        return found

    def _get(
        self,
        store: Store,
        path: str,
        parameters: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
    ) -> httpx.Response:
        if store.url is None:
            raise TelemetryError(f"compose/platform.yaml names no {store.name} to read from (telemetry)")
        url = f"{store.url}{path}"
        try:
            response = self._http.get(url, params=parameters, headers=store.headers)
        except httpx.HTTPError as error:
            hint = "is the instance up?" if store.is_ours else "compose/platform.yaml names it (telemetry)"
            raise TelemetryError(f"{store.name} does not answer at {url}: {hint}") from error
        if response.status_code not in accept:
            said = response.text[:200].strip()
            raise TelemetryError(f"{store.name} answered {response.status_code}: {said}")
        return response


def _vector(data: Mapping[str, Any]) -> list[Sample]:
    if data["resultType"] == "scalar":
        return [({}, float(data["result"][1]))]
    return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]


def _spans(trace: Mapping[str, Any]) -> list[Span]:
    processes = trace["processes"]
    return [_span(span, processes[span["processID"]]["serviceName"]) for span in trace["spans"]]


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
