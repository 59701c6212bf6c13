"""A reload while requests are under way: what the gateway learned about services stays."""

import asyncio
from pathlib import Path

import httpx

from gateway.service_client.circuit_breaker import State
from gateway.tests.api import Api, answering, router_of, running, said
from gateway.tests.services import Asked, Behaviour, reply, until
from observability import Telemetry

ROUTES = """\
services:
  defaults:
    timeout_seconds: 20
    retries: {attempts: ATTEMPTS, budget_ratio: 0.01, first_seconds: 0.001}
    breaker: {minimum: MINIMUM, window_seconds: 60, open_seconds: 60}
    bulkhead: {concurrent: CONCURRENT, queue: 100, queue_seconds: 20}
routes:
  - {id: a, method: GET, path: /a, compose: {x: {service: orders, path: /x}}}
  - {id: slow, method: GET, path: /slow, compose: {x: {service: orders, path: /slow}}}
"""


def routes(attempts: int = 1, minimum: int = 3, concurrent: int = 2) -> str:
    text = ROUTES.replace("ATTEMPTS", str(attempts)).replace("MINIMUM", str(minimum))
    return text.replace("CONCURRENT", str(concurrent))


def reload(api: Api, folder: Path, text: str) -> None:
    api.pipeline.use(router_of(folder, text, api.context))


async def test_an_open_breaker_stays_open(telemetry: Telemetry, tmp_path: Path) -> None:
    """Also while requests of the table before still end."""
    held = asyncio.Event()

    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.write(said(1))

    answers: dict[str, bytes | Behaviour] = {"/x": reply(500), "/slow": slow}
    async with running(telemetry, tmp_path, routes(), answering(answers)) as api:
        older = asyncio.create_task(api.get("/slow"))
        await until(lambda: api.service.asked)
        assert [(await api.get("/a")).status_code for _ in range(3)] == [502] * 3
        for minimum in (3, 4, 5):
            reload(api, tmp_path, routes(minimum=minimum))
            assert (await api.get("/a")).status_code == 503
        held.set()
        assert (await older).status_code == 200
        assert (await api.get("/a")).status_code == 503


async def test_failures_before_a_reload_count(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, routes(minimum=6), answering({"/x": reply(500)})) as api:
        assert [(await api.get("/a")).status_code for _ in range(5)] == [502] * 5
        reload(api, tmp_path, routes(minimum=4))
        assert [(await api.get("/a")).status_code for _ in range(2)] == [502, 503]
        service = api.context.service_client._services.by_name["orders"]  # type: ignore[attr-defined]
        assert service.circuits.worst is State.OPEN


async def test_a_retry_budget_that_is_spent_stays_spent(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, routes(2, minimum=1000), answering({"/x": reply(503)})) as api:
        for _ in range(20):
            await api.get("/a")
        before = len(api.service.asked)
        assert before < 40, "the budget was never spent"
        for number in range(5):
            reload(api, tmp_path, routes(2, minimum=1001 + number))
            await api.get("/a")
        assert len(api.service.asked) == before + 5


async def test_a_bulkhead_holds_all_calls_together(telemetry: Telemetry, tmp_path: Path) -> None:
    under_way = most = 0
    held = asyncio.Event()

    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await held.wait()
        under_way -= 1
        writer.write(said(1))

    async with running(telemetry, tmp_path, routes(concurrent=4), answering({"/slow": slow})) as api:
        asking: list[asyncio.Task[httpx.Response]] = []

        def all_entered() -> bool:
            return api.pipeline.in_flight._by_route["slow"] == len(asking)

        for minimum, concurrent in ((3, 4), (4, 4), (5, 2), (6, 2)):
            reload(api, tmp_path, routes(minimum=minimum, concurrent=concurrent))
            asking += [asyncio.create_task(api.get("/slow")) for _ in range(3)]
            await until(all_entered)
        assert most == 4
        reload(api, tmp_path, routes(concurrent=6))
        await until(lambda: under_way == 6)
        held.set()
        assert {(await each).status_code for each in asking} == {200}
        assert most == 6
