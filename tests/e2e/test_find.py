"""`nextphase find` in the telemetry of a live instance."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import httpx
import pytest

from compose.cli.links import Links
from compose.cli.traffic import Traffic
from tests.conftest import Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]


def find(*arguments: str) -> list[dict[str, Any]]:
    """The traces that are found, as JSON has them."""
    done = nextphase("find", *arguments, "--since", "10m", "--limit", "200", "--json")
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["traces"]
    return found


def wait_for(trace_id: str, *arguments: str) -> dict[str, Any]:
    """The trace, once it is found."""

    def look() -> dict[str, Any]:
        by_id = {trace["trace_id"]: trace for trace in find(*arguments)}
        assert trace_id in by_id
        return by_id[trace_id]

    return eventually(look, within_seconds=60)


def table(*arguments: str) -> subprocess.CompletedProcess[str]:
    return nextphase("find", *arguments, "--since", "10m")


async def test_an_order_is_found_by_what_is_known_of_it(stack: Stack, traffic: Traffic, sku: str) -> None:
    account = await traffic.create_account("Radia Perlman", "radia@example.com")
    trace_id = (await traffic.place_order(account, {sku: 1})).trace_id
    found = wait_for(trace_id, "--route", "/v1/orders", "--status", "202", "--no-demo")
    assert (found["operation"], found["status"], found["hop"]) == ("POST /v1/orders", 202, "edge-nginx")
    assert found["url"] == Links.of(stack.layout).trace(trace_id)
    assert 0 < found["seconds"] < 60
    for arguments in (
        ["--route", "POST /v1/orders"],
        ["--hop", "orders", "--route", "/orders"],
        ["--hop", "orders", "--text", "ORDER PLACED"],
        ["--hop", "rio", "--route", "order.placed"],
    ):
        assert wait_for(trace_id, *arguments)["spans"] > 0
    assert trace_id not in {trace["trace_id"] for trace in find("--route", "/v1/orders", "--status", "4xx")}


def test_what_demo_sends_can_be_left_out(stack: Stack) -> None:
    demo = nextphase("demo", "--orders", "1", "--json")
    (order,) = json.loads(demo.stdout)["orders"]
    wait_for(order["trace_id"])
    wait_for(order["trace_id"], "--text", "order placed")
    for arguments in ([], ["--text", "order placed"], ["--hop", "orders"]):
        assert order["trace_id"] not in {trace["trace_id"] for trace in find(*arguments, "--no-demo")}


def test_a_refused_request_is_found_by_its_status(stack: Stack) -> None:
    answer = httpx.get(f"{stack.edge}/v1/me/orders", timeout=30, trust_env=False)
    assert answer.status_code == 401
    found = wait_for(answer.headers["X-Trace-Id"], "--status", "401")
    assert found["operation"] == "GET /v1/me/orders"


def test_the_slowest_come_first(stack: Stack) -> None:
    for _ in range(3):
        httpx.get(f"{stack.edge}/v1/stock", timeout=30, trust_env=False).raise_for_status()
    eventually(lambda: _assert(len(find("slowest", "--route", "/v1/stock")) >= 3), within_seconds=60)
    durations = [trace["seconds"] for trace in find("slowest")]
    assert durations == sorted(durations, reverse=True)


def _assert(found: object) -> None:
    assert found


def test_the_table_fits_a_terminal_and_says_what_is_next(stack: Stack) -> None:
    answer = httpx.get(f"{stack.edge}/v1/stock", timeout=30, trust_env=False)
    wait_for(answer.headers["X-Trace-Id"])
    done = table("--limit", "5")
    assert done.returncode == 0, done.stderr
    rows, _, after = done.stdout.partition("\n\n")
    header, first, *_ = rows.splitlines()
    assert header.split() == ["trace", "at", "operation", "status", "ms", "✗"]
    assert all(len(line) <= 80 for line in rows.splitlines())
    newest = first.split()[0]
    assert f"Next: ./nextphase trace --instance test {newest}\n" in after
    assert Links.of(stack.layout).trace(newest) in after
    assert "\x1b" not in done.stdout


def test_nothing_found_is_said(stack: Stack) -> None:
    done = table("--route", "/v1/stok")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean '/v1/stock'" in done.stderr


def test_an_unknown_hop_is_wrong_usage(stack: Stack) -> None:
    done = table("--hop", "order")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'orders'" in done.stderr
