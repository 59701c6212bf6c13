"""A plan's run: in which moment things happen, what it leaves behind, and whose fault a failure is."""

import asyncio
import gc
import tracemalloc
from pathlib import Path
from typing import cast

import pytest
from tornado.httputil import HTTPHeaders

from gateway.aggregation.executor import Executor
from gateway.aggregation.outcome import TotalFailure
from gateway.context import Context, NullServiceClient
from gateway.endpoints.compose import Compose
from gateway.messages import Caller, Request
from gateway.service_client import Answer, Attempt, Call, Listener, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.policy import Policy
from gateway.tests.api import answering, router_of, running, said
from gateway.tests.services import Behaviour, reply
from observability import Telemetry
from observability.tracer import MinimalSpan


def executor_of(folder: Path, routes: str, context: Context) -> Executor:
    """The executor of the first of some routes."""
    return cast(Compose, router_of(folder, routes, context).routes[0].endpoint).executor


def asked() -> Request:
    return Request("GET", "/a", "", HTTPHeaders(), Caller("127.0.0.1", "the-request"), Deadline.after(5))


class EndedInVain:
    """An attempt that came to nothing."""

    def answer(self) -> None:
        return None

    def abandon(self) -> None:
        pass


class AtOnce(NullServiceClient):
    """Services where an attempt at `/late` ends while the call to `/waiting` is being cancelled."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def begin(  # type: ignore[override]
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: MinimalSpan,
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
                self._late.attempt_ended()
        raise ServiceError(call.service, 502, "no connection")


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
    nowhere = Context.null()
    plan = executor_of(tmp_path, RACE, Context.of(services, nowhere.tracer, nowhere.metrics))
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
async def test_whose_fault_it_is(
    telemetry: Telemetry, tmp_path: Path, method: str, path: str, status: int
) -> None:
    async with running(telemetry, tmp_path, FAULTS, answering({"/good": said({"id": []})})) as api:
        answer = await api.client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert (answer.json()["title"] == "A service gave no answer") is (status == 502)


STALE = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: a
    method: GET
    path: /a/{id}
    compose:
      x: {service: orders, path: "/x/{path.id}", select: items, on_failure: stale}
      y: {service: orders, path: "/y/{x.of}", %s}
"""
#: What is decoded to many times its size.
MANY = b"[%b]" % b",".join([b"{}"] * 100_000)


@pytest.mark.parametrize("also", ["when: query.more", "on_failure: stale"])
async def test_what_is_kept_takes_no_more_memory_than_it_is_said_to(
    telemetry: Telemetry, tmp_path: Path, also: str
) -> None:
    text = STALE.replace("path: /a/{id}", "path: /a/{id}\n    parameters: {more: {type: boolean}}") % also
    big = reply(200, b'{"items":1,"of":7,"big":%b}' % MANY)
    async with running(
        telemetry, tmp_path, text, answering({"/x/1": big, "/x/2": big, "/y/7": said(1)})
    ) as api:
        await api.get("/a/1")  # whatever is made once
        memory = api.context.last_good
        tracemalloc.start()
        try:
            before, counted = tracemalloc.get_traced_memory()[0], memory._bytes
            await api.get("/a/2")
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert memory._bytes > counted
    assert grown <= memory._bytes - counted + 100_000  # a traced request leaves something, too


async def test_of_what_nobody_refers_to_only_the_part_is_kept(telemetry: Telemetry, tmp_path: Path) -> None:
    text = STALE.replace("{x.of}", "7") % "on_failure: fail"
    big = reply(200, b'{"items":1,"of":7,"big":%b}' % MANY)
    async with running(telemetry, tmp_path, text, answering({"/x/1": big, "/y/7": said(1)})) as api:
        assert (await api.get("/a/1")).status_code == 200
        assert (len(api.context.last_good), api.context.last_good._bytes < 10_000) == (1, True)


async def test_a_stale_part_has_its_value_still(telemetry: Telemetry, tmp_path: Path) -> None:
    answers: dict[str, bytes | Behaviour] = {"/x/1": said({"items": [1], "of": 7}), "/y/7": said("seven")}
    text = STALE % "on_failure: fail"
    async with running(telemetry, tmp_path, text, answering(answers)) as api:
        assert (await api.get("/a/1")).json() == {"x": [1], "y": "seven"}
        answers["/x/1"] = reply(500)
        document = (await api.get("/a/1")).json()
    assert (document["x"], document["y"]) == ([1], "seven")
    assert [error["part"] for error in document["errors"]] == ["x"]


async def test_that_a_service_knows_nothing_is_kept_too(telemetry: Telemetry, tmp_path: Path) -> None:
    answers: dict[str, bytes | Behaviour] = {"/x/1": reply(404, b"<html>"), "/z": said(1)}
    text = STALE % "on_failure: omit" + "      z: {service: inventory, path: /z}\n"
    async with running(telemetry, tmp_path, text, answering(answers)) as api:
        assert (await api.get("/a/1")).json() == {"x": None, "y": None, "z": 1}
        answers["/x/1"] = reply(500)
        document = (await api.get("/a/1")).json()
    assert (document["x"], document["errors"][0]["age_seconds"]) == (None, 0)
