"""The search for traces, in a real Jaeger and a real Loki with the platform's configuration."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from compose.cli import platform, trace_search
from compose.cli.layout import Layout
from compose.cli.store_client import TelemetryError
from compose.cli.telemetry import Telemetry
from compose.cli.toolbox import Toolbox
from compose.cli.trace_search import FoundTrace, Result, Search, find
from tests.config.programs import OBSERVABILITY, Program, environment, jaeger_program, loki_command
from tests.conftest import eventually

pytestmark = pytest.mark.config

ROOT = OBSERVABILITY.parent
NOW = datetime.now(UTC)
SINCE = NOW - timedelta(hours=1)
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
MANY = 300
#: Milliseconds that the many requests take, newest first: each another, in no order.
DURATIONS = random.Random(7).sample(range(10, 2000), MANY)


@dataclass
class Sent:
    """A trace to be stored: spans, of which each is the parent of the next."""

    number: int
    seconds_ago: float
    spans: list[dict[str, Any]] = field(default_factory=list)

    @property
    def trace_id(self) -> str:
        return f"{self.number:032x}"

    def span(
        self,
        hop: str,
        name: str,
        *,
        ms: float = 5,
        kind: str = "server",
        failed: bool = False,
        **tags: object,
    ) -> Sent:
        start = int((NOW.timestamp() - self.seconds_ago) * 1e9) + len(self.spans) * 1_000_000
        if kind in ("server", "consumer") and "user_agent__synthetic__type" not in tags:
            tags["nextphase__synthetic"] = False  # as the collector says it
        parent = {"parentSpanId": self.spans[-1]["span"]["spanId"]} if self.spans else {}
        span = {
            "traceId": self.trace_id,
            "spanId": f"{self.number * 100 + len(self.spans) + 1:016x}",
            **parent,
            "name": name,
            "kind": KINDS[kind],
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + int(ms * 1e6)),
            "attributes": [_attribute(key.replace("__", "."), value) for key, value in tags.items()],
            "status": {"code": 2} if failed else {},
        }
        self.spans.append({"hop": hop, "span": span})
        return self


def _attribute(key: str, value: object) -> dict[str, Any]:
    kind = "boolValue" if isinstance(value, bool) else "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: value}}


def request(
    number: int, seconds_ago: float, operation: str, *, status: int, ms: float = 20, **tags: object
) -> Sent:
    """A request from outside, as edge and gateway see it."""
    method, route = operation.split()
    status_tag = {"http__response__status_code": status}
    sent = Sent(number, seconds_ago)
    edge = {"http__route": "/v1/*", **status_tag, **tags}
    sent.span("edge-nginx", f"{method} /v1/*", ms=ms, failed=status >= 500, **edge)
    return sent.span("gateway", operation, ms=ms / 2, http__route=route, **status_tag, **tags)


def traces() -> list[Sent]:
    """Some by themselves, and behind them in time, many of one kind."""
    delivery = request(1, 10, "POST /v1/orders", status=202, ms=30)
    delivery.span("orders", "POST /orders", http__route="/orders", http__response__status_code=201)
    delivery.span("rio", "process order.placed", kind="consumer", ms=9000, failed=True)
    demo = request(2, 20, "POST /v1/orders", status=500, ms=70, user_agent__synthetic__type="test")
    missing = request(3, 30, "GET /v1/orders/{id}", status=404, ms=15)
    refused = Sent(4, 40).span(
        "edge-nginx", "POST /v1/*", http__route="/v1/*", http__response__status_code=429
    )
    emitted = Sent(5, 50).span("rio", "POST /events", http__response__status_code=202, http__route="/events")
    emitted.span("rio", "publish order.placed", kind="producer", ms=2)
    old = request(6, 3000, "GET /v1/stock/{sku}", status=503, ms=5)
    many = [
        request(1000 + number, 100 + number, "GET /v1/stock", status=200, ms=ms)
        for number, ms in enumerate(DURATIONS)
    ]
    return [delivery, demo, missing, refused, emitted, old, *many]


@pytest.fixture(scope="module")
def telemetry(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """Stores that hold the traces, and lines of some of them."""
    folder = tmp_path_factory.mktemp("stores")
    variables = environment(folder)
    loki_url = f"http://127.0.0.1:{variables['LOKI_HTTP_PORT']}"
    jaeger = jaeger_program(toolbox, folder, variables)
    loki = Program(loki_command(toolbox), variables, f"{loki_url}/ready", folder / "loki.log")
    (folder / "compose").mkdir()
    shutil.copy(ROOT / platform.SCHEMA, folder / platform.SCHEMA)
    settings = (ROOT / platform.FILE).read_text().partition("\ntelemetry:")[0]
    stores = (
        f"\ntelemetry:\n  otlp: {{url: 'http://{variables['JAEGER_OTLP']}'}}\n"
        f"  jaeger: {{url: 'http://{variables['JAEGER_QUERY_HTTP']}'}}\n  loki: {{url: '{loki_url}'}}\n"
    )
    (folder / platform.FILE).write_text(settings + stores)
    try:
        jaeger.start()
        loki.start()
        found = Telemetry(Layout(folder, "default", 0))
        _send_spans(f"http://{variables['JAEGER_OTLP']}", traces())
        _send_lines(loki_url)
        eventually(lambda: _assert_stored(found))
        yield found
    finally:
        jaeger.kill()
        loki.kill()


def _send_spans(url: str, sent: list[Sent]) -> None:
    resources = [
        {
            "resource": {"attributes": [_attribute("service.name", one["hop"])]},
            "scopeSpans": [{"spans": [one["span"]]}],
        }
        for trace in sent
        for one in trace.spans
    ]
    answer = httpx.post(f"{url}/v1/traces", json={"resourceSpans": resources}, timeout=30, trust_env=False)
    answer.raise_for_status()


def _send_lines(url: str) -> None:
    """A line of trace 1 from orders, one of trace 2, and one of a trace that Jaeger does not have."""
    lines = [
        ("orders", 10, 1, "Order refused: Out of Stock (tea)", {}),
        ("gateway", 20, 2, "order refused: out of stock (tea)", {"user_agent_synthetic_type": "test"}),
        ("inventory", 25, 77, 'refused: out of stock "tea" [1+1]', {}),
        ("inventory", 26, 78, "something else", {}),
    ]
    resources = [
        {
            "resource": {"attributes": [_attribute("service.name", hop)]},
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": str(int((NOW.timestamp() - ago) * 1e9)),
                            "body": {"stringValue": text},
                            "traceId": f"{number:032x}",
                            "attributes": [_attribute(key, value) for key, value in fields.items()],
                        }
                    ]
                }
            ],
        }
        for hop, ago, number, text, fields in lines
    ]
    answer = httpx.post(f"{url}/otlp/v1/logs", json={"resourceLogs": resources}, timeout=30, trust_env=False)
    answer.raise_for_status()


def _assert_stored(telemetry: Telemetry) -> None:
    assert len(telemetry.traces([f"{number:032x}" for number in (1, 6, 1000 + MANY - 1)])) == 3
    assert len(telemetry.logs('{service_name=~".+"}')) == 4


def search(telemetry: Telemetry, limit: int = 20, **asked: Any) -> Result:
    return find(telemetry, Search(**{"since": SINCE, "limit": limit, **asked}))


def numbers(result: Result) -> list[int]:
    return [int(trace.trace_id, 16) for trace in result.traces]


def test_the_newest_are_requests_from_outside(telemetry: Telemetry) -> None:
    result = search(telemetry, limit=5)
    assert numbers(result) == [1, 2, 3, 4, 1000]
    first, *_, refused, _ = result.traces
    assert first == FoundTrace(
        f"{1:032x}", first.start, "edge-nginx", "POST /v1/orders", 202, 30_000, spans=4, failed_spans=1
    )
    assert (refused.operation, refused.status) == ("POST /v1/*", 429)
    assert result.stopped_at is None


def test_nothing_older_than_asked_for_is_found(telemetry: Telemetry) -> None:
    assert numbers(search(telemetry, since=NOW - timedelta(seconds=35))) == [1, 2, 3]


def test_the_slowest_are_those_of_all(telemetry: Telemetry) -> None:
    """Jaeger orders by time alone, and the slowest are not among the newest."""
    slowest = sorted(range(MANY), key=lambda number: -DURATIONS[number])[:7]
    result = search(telemetry, limit=7, slowest=True)
    assert numbers(result) == [1000 + number for number in slowest]
    assert [trace.duration for trace in result.traces] == [DURATIONS[number] * 1000 for number in slowest]
    assert result.stopped_at is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"statuses": range(404, 405)}, [3]),
        ({"statuses": range(400, 500)}, [3, 4]),
        ({"statuses": range(500, 600)}, [2, 6]),
        ({"route": "/v1/orders"}, [1, 2]),
        ({"route": "POST /v1/orders"}, [1, 2]),
        ({"route": "POST /v1/*"}, [4]),
        ({"route": "/v1/orders", "statuses": range(202, 203)}, [1]),
        ({"route": "/v1/nowhere"}, []),
        ({"failed": True}, [1, 2, 6]),
        ({"failed": True, "least": 50_000}, [2]),
        ({"failed": True, "with_demo": False}, [1, 6]),
        ({"failed": True, "route": "/v1/orders", "statuses": range(202, 203)}, [1]),
        ({"least": 25_000, "most": 75_000, "since": NOW - timedelta(seconds=60)}, [1, 2]),
        ({"hop": "rio"}, [1, 5]),
        ({"hop": "rio", "failed": True}, [1]),
        ({"hop": "rio", "least": 1_000_000}, [1]),
        ({"hop": "rio", "route": "/events"}, [5]),
        ({"hop": "rio", "route": "process order.placed"}, [1]),
        ({"hop": "rio", "route": "order.placed", "slowest": True}, [1, 5]),
        ({"hop": "orders", "statuses": range(201, 202)}, [1]),
        ({"hop": "orders", "failed": True}, []),
        ({"hop": "orders", "most": 1}, []),
        ({"route": "/v1/orders", "with_demo": False}, [1]),
        ({"text": "out of stock"}, [1, 2, 77]),
        ({"text": "OUT OF STOCK", "hop": "orders"}, [1]),
        ({"text": '"tea" [1+1]'}, [77]),
        ({"text": "out of stock", "with_demo": False}, [1, 77]),
        ({"text": "out of stock", "statuses": range(500, 600)}, [2]),
        ({"text": "out of stock", "failed": True}, [1, 2]),
        ({"text": "out of stock", "slowest": True, "limit": 1}, [2]),
        ({"text": "nothing like it"}, []),
    ],
)
def test_what_is_asked_for_is_found(telemetry: Telemetry, asked: dict[str, Any], expected: list[int]) -> None:
    result = search(telemetry, **asked)
    assert numbers(result) == expected
    assert result.stopped_at is None


def test_a_hop_is_shown_by_its_longest_span_that_fits(telemetry: Telemetry) -> None:
    (shown,) = search(telemetry, hop="rio", route="order.placed", most=3000).traces
    assert (shown.operation, shown.duration, shown.spans) == ("publish order.placed", 2000, 2)


def test_a_trace_whose_spans_are_gone_is_shown_by_its_line(telemetry: Telemetry) -> None:
    *_, shown = search(telemetry, text="out of stock").traces
    expected = FoundTrace(f"{77:032x}", shown.start, "inventory", 'refused: out of stock "tea" [1+1]')
    assert shown == expected
    assert abs(shown.start - (NOW.timestamp() - 25) * 1e6) < 2


def test_a_search_that_does_not_end_says_how_far_it_came(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_search, "_MAX_PAGES", 2)
    result = search(telemetry, limit=10, statuses=range(400, 500))
    assert numbers(result) == [3, 4]
    assert result.stopped_at is not None
    assert SINCE.timestamp() * 1e6 < result.stopped_at < NOW.timestamp() * 1e6


def test_a_search_has_an_end_in_time(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_search, "SEARCH_SECONDS", 0)
    begun = time.time()
    result = search(telemetry, limit=10, statuses=range(400, 500))
    assert result.stopped_at is not None
    assert result.stopped_at < begun * 1e6


@pytest.mark.parametrize("since", [datetime(1970, 1, 2, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC)])
def test_a_time_before_all_telemetry_is_as_good(telemetry: Telemetry, since: datetime) -> None:
    assert numbers(search(telemetry, since=since, statuses=range(500, 600))) == [2, 6]
    assert numbers(search(telemetry, since=since, text="out of stock")) == [1, 2, 77]


def test_the_hops_and_their_operations(telemetry: Telemetry) -> None:
    assert {"edge-nginx", "gateway", "orders", "rio"} <= set(telemetry.hops())
    assert telemetry.operations("orders") == ["POST /orders"]


def test_a_query_that_loki_refuses_is_said(telemetry: Telemetry) -> None:
    with pytest.raises(TelemetryError, match="loki answered 400"):
        telemetry.logs("{")
