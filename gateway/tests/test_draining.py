"""How a gateway stops: who is told first, who is waited for, and how long."""

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from gateway.config.loader import load_router
from gateway.config.route import Route
from gateway.config.settings import ROUTES_FILE
from gateway.context import Context
from gateway.draining import drain
from gateway.endpoints.handler import Tools
from gateway.messages import Request, Response
from gateway.tests.api import answering, running
from gateway.tests.services import until
from observability import Telemetry
from observability.health import Health
from observability.http.server.tests.servers import fronted

ROUTES = """\
routes:
  - {id: fixed, method: GET, path: /fixed, mock: {status: 200, body: {}}}
  - {id: gated, method: GET, path: /gated, handler: gateway.tests.test_draining.gated}
"""
SERVICES = dict.fromkeys(("accounts", "orders", "inventory", "notifications"), 5.0)
#: What gated answers wait for.
GATES: list[asyncio.Event] = []


async def gated(_: Request, __: Tools) -> Response:
    gate = asyncio.Event()
    GATES.append(gate)
    await gate.wait()
    return Response(200)


@pytest.fixture(autouse=True)
def health(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Health:
    """Checks of this test's own: draining adds one that fails for ever."""
    own = Health("gateway", "gateway", CollectorRegistry())
    monkeypatch.setattr(telemetry, "health", own)
    return own


class Busy:
    """Answers nothing, and keeps how long it was given for that."""

    seconds = 0.0

    async def drain(self, timeout_seconds: float) -> bool:
        self.seconds = timeout_seconds
        return True


@pytest.mark.example
async def test_what_is_under_way_has_all_the_time_that_a_route_gives(telemetry: Telemetry) -> None:
    table = load_router(ROUTES_FILE, SERVICES, Context.null())
    busy = Busy()
    async with fronted(telemetry) as made:
        assert await drain(made.front, busy, telemetry, grace_seconds=0)
    longest = max(route.deadline_seconds for route in table.routes)
    assert busy.seconds > max(longest, Route.__dataclass_fields__["deadline_seconds"].default)


async def test_who_does_not_know_yet_is_still_answered(
    telemetry: Telemetry, tmp_path: Path, health: Health
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        draining = asyncio.create_task(drain(api.front, api.pipeline.in_flight, telemetry, grace_seconds=60))
        await until(lambda: api.front.closing)
        assert not (await health.report()).ready
        answer = await api.get("/fixed")
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        draining.cancel()


async def test_what_is_under_way_is_answered(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        asked = asyncio.create_task(api.get("/gated"))
        await until(lambda: GATES)
        draining = asyncio.create_task(drain(api.front, api.pipeline.in_flight, telemetry, grace_seconds=0))
        await until(lambda: not (api.front._listening and api.front._listening.sockets))
        with pytest.raises(httpx.ConnectError):
            await api.get("/fixed")
        assert not draining.done()
        GATES.pop().set()
        assert (await asked).status_code == 200
        assert await draining
