"""`nextphase demo` as a steady mix: what it sends, and that its telemetry can be left out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from compose.cli.mix import SLOW_SECONDS
from compose.cli.traffic import Traffic
from tests.conftest import INSTANCE, ROOT, Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]

HOPS = {
    "edge-nginx", "gateway", "services-nginx", "orders", "inventory", "notifications", "relay", "rio",
}  # fmt: skip
MARK = 'user_agent_synthetic_type="test"'


#: What each kind of request is answered with, and what anything may be while the machine is too busy.
EXPECTED = {
    "order": "202",
    "order beyond the stock": "202",
    "sign-up": "201",
    "slow sign-up": "201",
    "invalid body": "422",
    "no token": "401",
    "another's account": "403",
    "unknown order": "404",
}
OVERLOADED = {"503", "504", "no answer"}


@pytest.fixture(scope="module")
def mix(stack: Stack) -> dict[str, Any]:
    """The summary of a run in which every kind of request is likely to be sent."""
    done = nextphase("demo", "--rate", "4", "--for", "25s", "--failing", "30%", "--slow", "20%", "--json")
    assert done.stdout, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    outcomes = summary["outcomes"]
    assert done.returncode == (1 if outcomes["unexpected"] or outcomes["skipped"] else 0)
    return summary


def last_trace(mix: dict[str, Any], kind: str) -> str:
    (found,) = [each["last_trace_id"] for each in mix["kinds"] if each["kind"] == kind]
    return str(found)


def test_everything_is_answered_as_expected(mix: dict[str, Any]) -> None:
    outcomes = mix["outcomes"]
    assert sum(outcomes.values()) == 100
    assert mix["sent"] == 100 - outcomes["skipped"]
    assert min(outcomes[each] for each in ("ok", "failing", "slow")) > 0
    for kind in mix["kinds"]:
        expected = {EXPECTED.get(kind["kind"], "200"), "gave up"}
        assert set(kind["answers"]) <= expected | OVERLOADED, kind


def test_an_order_is_marked_at_every_hop(stack: Stack) -> None:
    def order() -> str:
        done = nextphase("demo", "--orders", "1", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return str(json.loads(done.stdout)["orders"][0]["trace_id"])

    trace_id = eventually(order, within_seconds=120)

    def look() -> None:
        spans, lines = stack.telemetry.trace(trace_id), stack.telemetry.trace_logs(trace_id)
        assert {span.service for span in spans} >= HOPS
        assert {span.tags.get("user_agent.synthetic.type") for span in spans} == {"test"}
        assert {line.service for line in lines} >= HOPS
        assert {line.labels.get("user_agent_synthetic_type") for line in lines} == {"test"}

    eventually(look, within_seconds=120)


def test_a_slow_client_is_slow_at_the_edge(stack: Stack, mix: dict[str, Any]) -> None:
    def look() -> None:
        spans = stack.telemetry.trace(last_trace(mix, "slow sign-up"))
        took = {span.service: span.duration for span in spans if span.kind == "server"}
        # The edge counts from the first bytes that it reads: on a busy machine later than they were sent.
        assert took["edge-nginx"] - took["gateway"] > SLOW_SECONDS[0] / 2 * 1_000_000

    eventually(look, within_seconds=120)


def test_metrics_tell_it_from_others(stack: Stack, mix: dict[str, Any]) -> None:
    def look() -> None:
        for hop in ("gateway", "orders", "inventory"):
            series = f'http_server_request_duration_seconds_count{{service="{hop}", {MARK}}}'
            assert stack.telemetry.metric(f"sum({series}) > 0"), hop
        calls = f'traces_span_metrics_calls_total{{service_name="edge-nginx", {MARK}}}'
        assert stack.telemetry.metric(f"sum({calls}) >= {mix['sent'] // 2}")

    eventually(look, within_seconds=120)


@pytest.mark.asyncio
async def test_other_traffic_is_not_marked(stack: Stack, mix: dict[str, Any]) -> None:
    async with Traffic.of(stack.layout) as traffic:
        trace_id = (await traffic.request("GET", "/v1/stock")).headers["X-Trace-Id"]

    def look() -> None:
        spans, lines = stack.telemetry.trace(trace_id), stack.telemetry.trace_logs(trace_id)
        servers = [span for span in spans if span.kind == "server"]
        assert {"edge-nginx", "gateway", "services-nginx", "inventory"} <= {span.service for span in servers}
        assert {span.tags.get("nextphase.synthetic") for span in servers} == {False}
        assert not [span for span in spans if "user_agent.synthetic.type" in span.tags]
        assert {line.service for line in lines} >= {"edge-nginx", "gateway"}
        assert not [line for line in lines if line.labels.get("user_agent_synthetic_type")]

    eventually(look, within_seconds=120)


def test_an_interrupt_ends_it_with_its_summary(stack: Stack) -> None:
    access = stack.layout.logs / "nginx/edge-access.json"

    def requests() -> int:
        return access.read_bytes().count(b'"user_agent":"nextphase-demo/')

    before = requests()
    command = [sys.executable, str(ROOT / "nextphase"), "demo", "--forever", "--rate", "5", "--json"]
    with subprocess.Popen(
        [*command, "--instance", INSTANCE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as running:
        try:
            eventually(lambda: _at_least(requests() - before, 12), within_seconds=240)
            running.send_signal(signal.SIGINT)
            said, progress = running.communicate(timeout=120)
        finally:
            running.kill()
    assert running.returncode == 128 + signal.SIGINT, progress
    summary = json.loads(said)
    assert summary["interrupted"]
    assert summary["sent"] == sum(summary["outcomes"].values()) - summary["outcomes"]["skipped"]
    assert "\x1b" not in progress


def _at_least(found: int, wanted: int) -> None:
    assert found >= wanted
