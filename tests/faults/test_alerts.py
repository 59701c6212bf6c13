"""Every alert on Rio and the gateway is raised by what it is about.

That an alert is pending shows that its expression holds with real metrics; how long it has to hold before it
fires is tried in observability/prometheus/tests/, without the minutes. RioBacklogOld is only tried there: it
asks for five.
"""

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from compose.cli.errors import Failure
from compose.cli.proc import Table
from compose.cli.rio import Rio
from compose.cli.traffic import Traffic, TrafficError
from tests.conftest import Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.fault, pytest.mark.timeout(600)]

#: For the first 180 s after a start most are silent (observability/prometheus/rules/recording.yml).
SEEN_SECONDS = 90.0 + 180.0
#: Together below what the edge lets one client ask.
CALLERS = 8
PAUSE_SECONDS = 0.05
#: Answered 404 by services nginx, as nobody's path is.
NOWHERE = "/nowhere"


async def assert_raised(stack: Stack, alert: str, **labels: str) -> None:
    matchers = ", ".join(f'{name}="{value}"' for name, value in {"alertname": alert, **labels}.items())

    def look() -> None:
        assert stack.telemetry.metric(f"ALERTS{{{matchers}}}"), f"{alert} is not raised"

    await asyncio.to_thread(eventually, look, SEEN_SECONDS)


@contextlib.asynccontextmanager
async def kept_up(work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Some callers do the work again and again; its failures are what the drill is about."""

    async def caller() -> None:
        while True:
            with contextlib.suppress(TrafficError, httpx.HTTPError, Failure):
                await work()
            await asyncio.sleep(PAUSE_SECONDS)

    callers = [asyncio.create_task(caller()) for _ in range(CALLERS)]
    try:
        yield
    finally:
        for task in callers:
            task.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


@contextlib.contextmanager
def stopped(stack: Stack, part: str) -> Iterator[None]:
    stack.supervisor.stop_process(part)
    try:
        yield
    finally:
        stack.supervisor.start_process(part)
        stack.supervisor.wait_until_right([part], 90)


@contextlib.contextmanager
def starved(stack: Stack, part: str) -> Iterator[Callable[[], None]]:
    """Gives what to call again and again: all processes of a part get little of the time that passes."""
    process = stack.supervisor.get(part)
    assert process is not None
    pids = [member.pid for member in Table().tree(process.pid)]

    def send(signum: int) -> None:
        for pid in pids:
            os.kill(pid, signum)

    def turn() -> None:
        send(signal.SIGSTOP)
        time.sleep(0.4)
        send(signal.SIGCONT)
        time.sleep(0.05)

    try:
        yield turn
    finally:
        send(signal.SIGCONT)


@pytest.fixture
def drill() -> str:
    """A subscription of this drill's own: what is left of another's series must not be taken for its."""
    return f"operator-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def rio(stack: Stack, drill: str) -> Iterator[Rio]:
    """Rio, without the drill's subscription and dead letters afterwards."""
    yield (client := Rio(stack.layout))
    with contextlib.suppress(Failure):
        client.delete(f"/subscriptions/{drill}")
    nextphase("rio", "dead", "discard", "--all", "--subscription", drill)


def subscribe(rio: Rio, drill: str, **more: Any) -> None:
    """Add the drill's subscription."""
    rio.ask("PUT", f"/subscriptions/{drill}", body={"types": ["drill.#"], "sink": NOWHERE, **more})


def wait_for_zero(stack: Stack, drill: str) -> None:
    """Wait until Prometheus knows the subscription's counters: growth shows from 0 on."""

    def look() -> None:
        assert stack.telemetry.metric(f'rio_deliveries_total{{subscription="{drill}", outcome="dead"}}')

    eventually(look)


def emit(rio: Rio, count: int = 1) -> None:
    for _ in range(count):
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "type": "drill.begun", "source": "/operator"}
        rio.ask("POST", "/events", body=event, media="application/cloudevents+json")


async def test_a_service_that_is_away(stack: Stack, traffic: Traffic, sku: str) -> None:
    account = await traffic.create_account("Radia Perlman", "radia@example.com")
    with stopped(stack, "notifications"):

        async def work() -> None:
            placed = await traffic.place_order(account, {sku: 1})
            await traffic.order(placed)

        async with kept_up(work):
            await assert_raised(stack, "GatewayCircuitOpen", service="notifications")
            await assert_raised(stack, "GatewayPartialAnswers", route="order")
            await assert_raised(stack, "RioCircuitOpen")


async def test_a_gateway_with_more_to_do_than_it_can(stack: Stack, traffic: Traffic) -> None:
    with starved(stack, "gateway") as turn:

        async def starve() -> None:
            while True:
                await asyncio.to_thread(turn)

        starving = asyncio.create_task(starve())
        try:
            async with kept_up(lambda: traffic.request("GET", "/v1/stock")):
                await assert_raised(stack, "GatewayShedding")
        finally:
            starving.cancel()
            await asyncio.gather(starving, return_exceptions=True)


async def test_rabbitmq_away(stack: Stack, rio: Rio) -> None:
    with stopped(stack, "rabbitmq"):
        async with kept_up(lambda: asyncio.to_thread(emit, rio)):
            await assert_raised(stack, "RioRefusing")
    await asyncio.to_thread(stack.supervisor.wait_until_right, ["rio-api", "rio-dispatcher"], 90)


async def test_events_for_a_paused_subscription(stack: Stack, rio: Rio, drill: str) -> None:
    subscribe(rio, drill, status="paused")
    emit(rio)
    await assert_raised(stack, "RioSubscriptionPaused", subscription=drill)


async def test_events_wait_and_no_dispatcher_runs(stack: Stack, rio: Rio, drill: str) -> None:
    """RabbitMQ knows the number of waiting events, the API the paused subscriptions."""
    subscribe(rio, drill)
    with stopped(stack, "rio-dispatcher"):
        emit(rio)
        await assert_raised(stack, "RioDeliveryStalled", subscription=drill)
        subscribe(rio, drill, status="paused")
        await assert_raised(stack, "RioSubscriptionPaused", subscription=drill)


async def test_a_sink_that_refuses_everything(stack: Stack, rio: Rio, drill: str) -> None:
    subscribe(rio, drill, config={"final_statuses": [404]})
    await asyncio.to_thread(wait_for_zero, stack, drill)
    emit(rio, 30)
    await assert_raised(stack, "RioDeadLettersGrowing", subscription=drill)


async def test_a_subscription_deleted_while_a_retry_is_due(stack: Stack, rio: Rio, drill: str) -> None:
    subscribe(rio, drill, config={"retry": {"first_seconds": 60, "cap_seconds": 60}})
    await asyncio.to_thread(wait_for_zero, stack, drill)
    emit(rio, 30)

    def retried() -> None:
        query = f'rio_deliveries_total{{subscription="{drill}", outcome="retry"}} >= 30'
        assert stack.telemetry.metric(query)

    await asyncio.to_thread(eventually, retried)
    rio.delete(f"/subscriptions/{drill}")
    await assert_raised(stack, "RioOrphans")
