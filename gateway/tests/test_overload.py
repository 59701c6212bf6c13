"""A real gateway with more to do than it can."""

import asyncio
import time
from pathlib import Path

import httpx

from gateway.endpoints.handler import Tools
from gateway.messages import Request, Response
from gateway.tests.gateways import gateway
from gateway.tests.services import Server, reply, saying, until

ROUTES = """
routes:
  - {id: work, method: GET, path: /work, priority: normal, handler: gateway.tests.test_overload.work}
  - {id: critical, method: GET, path: /critical, priority: critical, mock: {body: {}}}
"""
#: Together they ask for several times what shedding starts at.
CALLERS = 50
WORK_SECONDS = 0.02


async def work(_: Request, __: Tools) -> Response:
    time.sleep(WORK_SECONDS)  # noqa: ASYNC251 - the work that is too much
    return Response(200)


async def test_some_are_refused_and_neither_health_nor_what_is_critical(tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    over = asyncio.Event()
    limits = httpx.Limits(max_connections=None)
    async with (
        Server(saying(reply())).running() as url,
        gateway(tmp_path, url, routes=ROUTES) as running,
        httpx.AsyncClient(trust_env=False, timeout=20, limits=limits) as client,
    ):

        async def ask() -> None:
            while not over.is_set():
                answers.append(await client.get(running.url("/work")))

        def refused() -> list[httpx.Response]:
            return [answer for answer in answers if answer.status_code != 200]

        asking = [asyncio.create_task(ask()) for _ in range(CALLERS)]
        await until(lambda: len(refused()) >= 10)
        pages = f"http://127.0.0.1:{running.pages[0]}"
        for _ in range(3):
            assert (await client.get(running.url("/critical"))).status_code == 200
            assert (await client.get(f"{pages}/health/live")).status_code == 200
        served = len(answers) - len(refused())
        await until(lambda: len(answers) - len(refused()) > served)
        over.set()
        await asyncio.gather(*asking)
        metrics = (await client.get(f"{pages}/metrics")).text
    for answer in refused():
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["title"] == "Overloaded"
    assert f'gateway_shed_total{{route="work"}} {float(len(refused()))}' in metrics
