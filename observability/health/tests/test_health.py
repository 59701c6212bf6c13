"""Checks, what they add up to, and that none of them holds a hop up."""

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from observability import Telemetry
from observability.health import Health, Observed, Report, health, reachable
from observability.health import check as check_module
from observability.health.check import Check
from observability.tests.sinks import OtlpSink


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def checks(registry: CollectorRegistry) -> Health:
    return Health("probe", "probe-1", registry)


def well() -> None:
    """Finds nothing wrong."""


def ill() -> None:
    raise ConnectionError("refused")


async def well_async() -> None:
    await asyncio.sleep(0)


async def ill_async() -> None:
    await asyncio.sleep(0)
    raise ConnectionError("refused")


def measures() -> Observed:
    return {"observedValue": 7.5, "observedUnit": "s"}


async def measures_async() -> Observed:
    return measures()


async def on_loop(checks: Health) -> Report:
    return await checks.report()


async def in_threads(checks: Health) -> Report:
    return checks.report_blocking()


@pytest.fixture(params=[on_loop, in_threads], ids=["loop", "threads"])
def report(request: pytest.FixtureRequest) -> Callable[[Health], Awaitable[Report]]:
    made: Callable[[Health], Awaitable[Report]] = request.param
    return made


Reporter = Callable[[Health], Awaitable[Report]]


async def test_all_well(checks: Health, registry: CollectorRegistry, report: Reporter) -> None:
    checks.add("database", well)
    checks.add("broker", well_async)
    found = await report(checks)
    assert (found.status, found.ready) == ("pass", True)
    assert registry.get_sample_value("health_ready") == 1
    assert registry.get_sample_value("health_check_up", {"check": "broker", "critical": "true"}) == 1


@pytest.mark.parametrize("check", [measures, measures_async])
async def test_what_a_check_measures_is_shown(checks: Health, report: Reporter, check: Check) -> None:
    checks.add("age", check)
    shown = json.loads((await report(checks)).encode())["checks"]["age"]
    assert (shown["status"], shown["observedValue"], shown["observedUnit"]) == ("pass", 7.5, "s")


@pytest.mark.parametrize("check", [ill, ill_async])
async def test_a_critical_failure(
    checks: Health, registry: CollectorRegistry, report: Reporter, check: Check
) -> None:
    checks.add("database", check)
    checks.add("broker", well)
    found = await report(checks)
    assert (found.status, found.ready) == ("fail", False)
    document = json.loads(found.encode())
    assert document["service"] == "probe"
    assert document["checks"]["database"]["status"] == "fail"
    assert document["checks"]["database"]["detail"] == "ConnectionError: refused"
    assert document["checks"]["broker"]["status"] == "pass"
    assert registry.get_sample_value("health_ready") == 0
    assert registry.get_sample_value("health_check_up", {"check": "database", "critical": "true"}) == 0


@pytest.mark.parametrize("check", [ill, ill_async])
async def test_a_failure_that_is_not_critical_warns(
    checks: Health, registry: CollectorRegistry, report: Reporter, check: Check
) -> None:
    checks.add("collector", check, critical=False)
    found = await report(checks)
    assert (found.status, found.ready) == ("warn", True)
    assert registry.get_sample_value("health_ready") == 1
    assert registry.get_sample_value("health_check_up", {"check": "collector", "critical": "false"}) == 0


async def test_a_check_that_hangs(checks: Health, report: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(health, "CACHE_SECONDS", 0.0)
    released, runs = threading.Event(), []

    def hang() -> None:
        runs.append(1)
        released.wait(10)

    checks.add("database", hang)
    checks.add("broker", well)
    started = time.monotonic()
    for _ in range(3):
        found = await report(checks)
        assert [result.status for result in found.results] == ["fail", "pass"]
        assert found.results[0].failure == "no result within 0.1 s"
    assert time.monotonic() - started < 2
    assert len(runs) == 1, "a check that hangs is not started again"
    released.set()


async def test_a_coroutine_that_hangs(checks: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "TIMEOUT_SECONDS", 0.1)

    async def hang() -> None:
        await asyncio.Event().wait()

    checks.add("database", hang)
    assert (await checks.report()).results[0].failure == "no result within 0.1 s"


async def test_results_are_kept_for_a_moment(checks: Health, report: Reporter) -> None:
    runs = []
    checks.add("database", lambda: runs.append(1))
    first = await report(checks)
    assert await report(checks) is first
    assert len(runs) == 1
    checks.add("broker", well)
    assert len((await report(checks)).results) == 2


async def test_functions_do_not_hold_the_loop_up(checks: Health) -> None:
    started = threading.Event()
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wait_for_the_loop() -> None:
        started.set()
        loop.call_soon_threadsafe(done.set)
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result(1)

    checks.add("database", wait_for_the_loop)
    assert (await checks.report()).status == "pass"
    assert started.is_set()


async def test_checks_are_not_traced(telemetry: Telemetry, otlp: OtlpSink, report: Reporter) -> None:
    from opentelemetry.instrumentation.utils import is_instrumentation_enabled

    seen = []
    telemetry.health.add("plain", lambda: seen.append(is_instrumentation_enabled()))

    async def check() -> None:
        seen.append(is_instrumentation_enabled())

    telemetry.health.add("async", check)
    await report(telemetry.health)
    assert seen == [False, False]
    assert is_instrumentation_enabled()


def test_reachable() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/well" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        reachable(f"{url}/well")()
        with pytest.raises(OSError, match="503"):
            reachable(f"{url}/ill")()
        server.shutdown()
    with pytest.raises(OSError, match="refused"):
        reachable(f"{url}/well")()
