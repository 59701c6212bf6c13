"""The one command against a live instance, as a user types it."""

import json

import pytest

from tests.conftest import Stack, eventually, nextphase

pytestmark = pytest.mark.stack


def test_second_up_changes_nothing(stack: Stack) -> None:
    before = {p["name"]: p["pid"] for p in status()}
    done = nextphase("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p["name"]: p["pid"] for p in status()} == before


def status() -> list[dict[str, object]]:
    done = nextphase("status", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)["processes"]
    return found


def test_status_shows_every_process_ready(stack: Stack) -> None:
    processes = status()
    assert {"edge-nginx", "gateway", "orders", "rio-api", "relay", "postgres"} <= {
        p["name"] for p in processes
    }
    assert all(p["ready"] for p in processes)


def test_demo_then_trace(stack: Stack) -> None:
    demo = nextphase("demo", "--orders", "4", "--json")
    assert demo.returncode == 0, demo.stderr
    orders = json.loads(demo.stdout)["orders"]
    assert [order["state"] for order in orders] == ["confirmed", "confirmed", "confirmed", "cancelled"]
    trace = nextphase("trace", orders[0]["trace_id"])
    assert trace.returncode == 0, trace.stderr
    for hop in ("edge-nginx", "gateway", "services-nginx", "orders"):
        assert hop in trace.stdout


def test_reload_takes_the_routes_up(stack: Stack) -> None:
    done = nextphase("reload")
    assert done.returncode == 0, done.stdout + done.stderr
    taken = "gateway_reloads_total{outcome='done'}"
    eventually(lambda: _assert(stack.telemetry.metric(f"{taken} >= 1")))


def _assert(found: object) -> None:
    assert found


def test_unknown_trace_is_said(stack: Stack) -> None:
    done = nextphase("trace", "f" * 32)
    assert done.returncode == 1
    assert "no trace" in done.stderr


def test_trace_id_that_is_none_is_a_usage_error(stack: Stack) -> None:
    assert nextphase("trace", "xyz").returncode == 2


def test_logs_of_a_process(stack: Stack) -> None:
    done = nextphase("logs", "gateway", "-n", "5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_doctor_finds_nothing(stack: Stack) -> None:
    done = nextphase("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
