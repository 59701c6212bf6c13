"""A plan's run: in which moment things happen, and whose fault it is where a call cannot be made."""

import asyncio
from pathlib import Path
from typing import cast

import pytest
from tornado.httputil import HTTPHeaders

from gateway.actions.compose import Compose
from gateway.composition.plan import Plan, TotalFailure
from gateway.request import Request
from gateway.resilience.deadline import Deadline
from gateway.resilience.policy import Policy
from gateway.tests.api import answering, running, said, table_of
from gateway.upstream import Answer, Attempt, Call, Listener, UpstreamError
from gateway.world import Nobody, World
from observability import Hop
from observability.lean import Sketch


def plan_of(folder: Path, routes: str, world: World) -> Plan:
    """The plan of the first of some routes."""
    return cast(Compose, table_of(folder, routes, world).routes[0].action).plan


def asked() -> Request:
    return Request("GET", "/a", "", HTTPHeaders(), "127.0.0.1", Deadline.after(5))


class EndedInVain:
    """An attempt that came to nothing."""

    def answer(self) -> None:
        return None

    def abandon(self) -> None:
        pass


class AtOnce(Nobody):
    """Services where an attempt at `/late` ends while the call to `/waiting` is being cancelled."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def begin(  # type: ignore[override]
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: Sketch,
        onward: str,
        listener: Listener,
    ) -> Attempt | None:
        if call.target != "/late":
            return None
        self._late = listener
        return cast(Attempt, EndedInVain())

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: Attempt | None = None
    ) -> Answer:
        self.called.append(call.target)
        if call.target == "/waiting":
            try:
                await asyncio.Event().wait()
            finally:
                self._late.told()
        raise UpstreamError(call.service, 502, "no connection")


RACE = """\
routes:
  - id: a
    method: GET
    path: /a
    compose:
      waiting: {service: orders, path: /waiting, on_failure: omit}
      late: {service: accounts, path: /late, on_failure: omit}
      failing: {service: inventory, path: /failing}
"""


async def test_nothing_is_called_once_there_is_no_document(tmp_path: Path) -> None:
    services = AtOnce()
    nowhere = World.nowhere()
    plan = plan_of(tmp_path, RACE, World.of(services, nowhere.tracer, nowhere.metrics))
    with pytest.raises(TotalFailure):
        await plan.run(asked())
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert services.called == ["/waiting", "/failing"]


FAULTS = """\
routes:
  - id: query
    method: GET
    path: /query
    parameters: {q: {required: true}}
    compose: {x: {service: orders, path: "/orders/{query.q}"}}
  - {id: path, method: GET, path: "/path/{id}", compose: {x: {service: orders, path: "/orders/{path.id}"}}}
  - id: body
    method: POST
    path: /body
    body: {}
    compose: {x: {service: orders, path: "/orders/{body.id}"}}
  - id: part
    method: GET
    path: /part
    compose:
      good: {service: orders, path: /good}
      x: {service: orders, path: "/orders/{good.id}"}
"""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/query?q=..", 400),
        ("GET", "/query?q=", 400),
        ("GET", "/path/" + "a" * 1001, 404),
        ("POST", "/body", 422),
        ("GET", "/part", 502),
    ],
)
async def test_whose_fault_it_is(hop: Hop, tmp_path: Path, method: str, path: str, status: int) -> None:
    async with running(hop, tmp_path, FAULTS, answering({"/good": said({"id": []})})) as api:
        answer = await api.client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert (answer.json()["title"] == "A service gave no answer") is (status == 502)
