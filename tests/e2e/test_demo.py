"""`nextphase demo` as a steady mix: what it sends, and that its telemetry can be left out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from compose.cli.traffic import Traffic
from tests.conftest import INSTANCE, ROOT, Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]

MARK = 'user_agent_synthetic_type="test"'


@pytest.fixture(scope="module")
def mix(stack: Stack) -> dict[str, Any]:
    """The summary of a run of 20 s in which every kind of request is likely to be sent."""
    done = nextphase("demo", "--rate", "10", "--for", "20s", "--failing", "20%", "--slow", "10%", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def last_trace(mix: dict[str, Any], kind: str) -> str:
    (found,) = [each["last_trace_id"] for each in mix["kinds"] if each["kind"] == kind]
    return str(found)


def test_everything_is_answered_as_expected(mix: dict[str, Any]) -> None:
    outcomes = mix["outcomes"]
    assert mix["sent"] == 200 == sum(outcomes.values())
    assert (outcomes["unexpected"], outcomes["skipped"]) == (0, 0)
    assert min(outcomes[each] for each in ("ok", "failing", "slow")) > 0
    answers = {status for kind in mix["kinds"] for status in kind["answers"]}
    assert answers >= {"200", "201", "202", "401", "403", "404", "422"}


def test_an_order_is_marked_at_every_hop(stack: Stack, mix: dict[str, Any]) -> None:
    trace_id = last_trace(mix, "order")

    def look() -> None:
        spans, lines = stack.telemetry.trace(trace_id), stack.telemetry.trace_logs(trace_id)
        hops = {
            "edge-nginx",
            "gateway",
            "services-nginx",
            "orders",
            "inventory",
            "notifications",
            "relay",
            "rio",
        }
        assert hops <= {span.service for span in spans}
        assert {span.tags.get("user_agent.synthetic.type") for span in spans} == {"test"}
        assert hops <= {line.service for line in lines}
        assert {line.labels.get("user_agent_synthetic_type") for line in lines} == {"test"}

    eventually(look, within_seconds=60)


def test_a_slow_client_is_slow_at_the_edge(stack: Stack, mix: dict[str, Any]) -> None:
    def look() -> None:
        spans = stack.telemetry.trace(last_trace(mix, "slow sign-up"))
        took = {span.service: span.duration for span in spans if span.kind == "server"}
        assert took["edge-nginx"] >= 390_000
        assert took["edge-nginx"] > took["gateway"]

    eventually(look, within_seconds=60)


def test_metrics_tell_it_from_others(stack: Stack, mix: dict[str, Any]) -> None:
    def look() -> None:
        for hop in ("gateway", "orders", "inventory"):
            series = f'http_server_request_duration_seconds_count{{service="{hop}", {MARK}}}'
            assert stack.telemetry.metric(f"sum({series}) > 0"), hop
        calls = f'traces_span_metrics_calls_total{{service_name="edge-nginx", {MARK}}}'
        assert stack.telemetry.metric(f"sum({calls}) >= {mix['sent']}")

    eventually(look, within_seconds=60)


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

    eventually(look, within_seconds=60)


def test_an_interrupt_ends_it_with_its_summary(stack: Stack) -> None:
    access = stack.layout.logs / "nginx/edge-access.json"

    def requests() -> int:
        return access.read_bytes().count(b'"user_agent":"nextphase-demo/')

    before = requests()
    command = [sys.executable, str(ROOT / "nextphase"), "demo", "--forever", "--rate", "20", "--json"]
    with subprocess.Popen(
        [*command, "--instance", INSTANCE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as running:
        try:
            eventually(lambda: _at_least(requests() - before, 30), within_seconds=60)
            running.send_signal(signal.SIGINT)
            said, progress = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 128 + signal.SIGINT, progress
    summary = json.loads(said)
    assert summary["interrupted"]
    assert summary["sent"] == sum(summary["outcomes"].values()) - summary["outcomes"]["skipped"]
    assert "\x1b" not in progress


def _at_least(found: int, wanted: int) -> None:
    assert found >= wanted
