"""Responses that are cached or shared, and those that may not be: writes, `no-store`, `private`."""

import asyncio
import json
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import httpx
import pytest

from gateway.tests.api import answering, bearer, running, said
from gateway.tests.gateways import gateway
from gateway.tests.services import Asked, Behaviour, Server, hang, reply, until
from observability import Telemetry

#: What a file of these routes stands for: a document of one part, and every way to write it.
ROUTES = """\
services: {defaults: {retries: {attempts: 1}, timeout_seconds: 20, breaker: {minimum: 1000}}}
routes:
  - id: read
    method: GET
    path: /things/{id}
    OPTIONS
    compose: {thing: {service: orders, path: "/orders/{path.id}", on_failure: FAILURE}}
  - {id: put, method: PUT, path: "/things/{id}", proxy: {service: orders, path: "/orders/{path.id}"}}
  - {id: patch, method: PATCH, path: "/things/{id}", proxy: {service: orders, path: "/orders/{path.id}"}}
  - {id: delete, method: DELETE, path: "/things/{id}", proxy: {service: orders, path: "/orders/{path.id}"}}
  - id: checked
    method: POST
    path: /things/{id}
    body: {type: object}
    compose: {it: {service: orders, path: "/orders/{path.id}", method: POST, send_body: true}}
  - {id: add, method: POST, path: /things, proxy: {service: orders, path: /orders}}
  - {id: other, method: PUT, path: /other, proxy: {service: accounts, path: /accounts}}
"""
FRESH = {"Cache_Control": "max-age=60"}


def routes(options: str, failure: str = "fail") -> str:
    return ROUTES.replace("OPTIONS", options).replace("FAILURE", failure)


class Thing:
    """A service with one number, which every write makes the next one."""

    def __init__(self, **headers: str) -> None:
        self.number = 0
        self.headers = headers
        self.written: dict[str, str] = {}
        self.status = 200

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "GET":
            writer.write(said(self.number, **self.headers))
            return
        if self.status < 400:
            self.number += 1
        writer.write(reply(self.status, b"{}", Content_Type="application/json", **self.written))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
async def test_a_write_is_seen_by_the_next_read(telemetry: Telemetry, tmp_path: Path, method: str) -> None:
    async with running(telemetry, tmp_path, routes("cache: true"), Thing(**FRESH)) as api:
        assert [(await api.get("/things/a")).json() for _ in range(2)] == [{"thing": 0}] * 2
        assert (await api.client.request(method, "/things/a", json={})).status_code == 200
        assert [(await api.get("/things/a")).json() for _ in range(2)] == [{"thing": 1}] * 2
        assert [asked.method for asked in api.service.asked] == ["GET", method, "GET"]


@pytest.mark.parametrize("spelling", ["/things/%61b", "/things/a%62", "/things/ab?x=1", "/things/AB"])
async def test_a_resource_is_one_however_it_is_written(
    telemetry: Telemetry, tmp_path: Path, spelling: str
) -> None:
    async with running(telemetry, tmp_path, routes("cache: true"), Thing(**FRESH)) as api:
        assert (await api.get("/things/ab")).json() == {"thing": 0}
        await api.client.put(spelling, json={})
        assert (await api.get("/things/ab")).json() == {"thing": 1}


async def test_every_caller_and_language_is_invalidated(telemetry: Telemetry, tmp_path: Path) -> None:
    text = routes("cache: true").replace("on_failure: fail", "headers: [Accept-Language]")
    asking = [{}, bearer(sub="ada"), bearer(sub="bob"), {"Accept-Language": "eo"}]
    async with running(telemetry, tmp_path, text, Thing(**FRESH)) as api:
        for number in range(2):
            found = [(await api.get("/things/a", headers=headers)).json() for headers in asking]
            assert found == [{"thing": number}] * 4
            await api.client.put("/things/a", json={})


@pytest.mark.parametrize("name", ["Location", "Content_Location"])
@pytest.mark.parametrize(
    ("value", "is_its_own"),
    [
        ("/things/a", True),
        ("things/a", True),
        ("http://HOST/things/a", True),
        ("http://elsewhere.example/things/a", False),
        ("http://[/things/a", False),
    ],
)
async def test_what_the_answer_names_is_invalidated(
    telemetry: Telemetry, tmp_path: Path, name: str, value: str, is_its_own: bool
) -> None:
    """RFC 9111, 4.4: of the same origin only."""
    thing = Thing(**FRESH)
    async with running(telemetry, tmp_path, routes("cache: true"), thing) as api:
        thing.written = {name: value.replace("HOST", api.url.removeprefix("http://"))}
        assert (await api.get("/things/a")).json() == {"thing": 0}
        assert (await api.client.post("/things", json={})).status_code == 200
        assert (await api.get("/things/a")).json() == {"thing": int(is_its_own)}


@pytest.mark.parametrize(("status", "invalidates"), [(409, False), (422, False), (500, True), (303, True)])
async def test_only_a_refusal_leaves_it(
    telemetry: Telemetry, tmp_path: Path, status: int, invalidates: bool
) -> None:
    """Of a failure nobody knows whether the write was done."""
    thing = Thing(**FRESH)
    async with running(telemetry, tmp_path, routes("cache: true"), thing) as api:
        await api.get("/things/a")
        thing.status = status
        await api.client.put("/things/a", json={})
        assert "Age" not in (await api.get("/things/b")).headers
        assert ("Age" not in (await api.get("/things/a")).headers) == invalidates


async def test_a_write_whose_caller_left_counts(telemetry: Telemetry, tmp_path: Path) -> None:
    thing = Thing(**FRESH)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "PUT":
            thing.number += 1
            await hang(asked, writer)
        await thing(asked, writer)

    async with running(telemetry, tmp_path, routes("cache: true"), behave) as api:
        assert (await api.get("/things/a")).json() == {"thing": 0}
        putting = asyncio.create_task(api.client.put("/things/a", json={}))
        await until(lambda: thing.number)
        putting.cancel()
        await until(lambda: not api.pipeline.in_flight.count)
        assert (await api.get("/things/a")).json() == {"thing": 1}


async def test_what_was_read_before_a_write_is_not_kept(telemetry: Telemetry, tmp_path: Path) -> None:
    """The read began first and ended last: it may show the state before the write."""
    thing, held = Thing(**FRESH), asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        before = thing.number
        if asked.method == "GET" and len(api.service.asked) == 1:
            await held.wait()
            writer.write(said(before, **FRESH))
        else:
            await thing(asked, writer)

    async with running(telemetry, tmp_path, routes("cache: true"), behave) as api:
        reading = asyncio.create_task(api.get("/things/a"))
        await until(lambda: api.service.asked)
        await api.client.put("/things/a", json={})
        held.set()
        assert (await reading).json() == {"thing": 0}
        assert (await api.get("/things/a")).json() == {"thing": 1}


@pytest.mark.parametrize("path", ["/things/a", "/things"])
async def test_a_read_after_a_write_joins_no_read_from_before(
    telemetry: Telemetry, tmp_path: Path, path: str
) -> None:
    """Not even where another resource of the service was written, which the document may show, too."""
    thing, held = Thing(), asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        before = thing.number
        if asked.method == "GET" and not before:
            await held.wait()
            writer.write(said(before))
        else:
            await thing(asked, writer)

    async with running(telemetry, tmp_path, routes("coalesce: true"), behave) as api:
        older = [asyncio.create_task(api.get("/things/a")) for _ in range(2)]
        await until(lambda: api.service.asked)
        await api.client.request("PUT" if path == "/things/a" else "POST", path, json={})
        assert (await api.get("/things/a")).json() == {"thing": 1}
        held.set()
        assert {(await each).json()["thing"] for each in older} == {0}
        assert [asked.method for asked in api.service.asked].count("GET") == 2


async def test_a_write_elsewhere_parts_nothing(telemetry: Telemetry, tmp_path: Path) -> None:
    held = asyncio.Event()

    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.write(said(1))

    answers: dict[str, bytes | Behaviour] = {"/orders/a": slow, "/accounts": said({})}
    async with running(telemetry, tmp_path, routes("coalesce: true"), answering(answers)) as api:
        reading = [asyncio.create_task(api.get("/things/a"))]
        await until(lambda: api.service.asked)
        await api.client.put("/other", json={})
        reading.append(asyncio.create_task(api.get("/things/a")))
        await until(lambda: api.pipeline.in_flight._by_route["read"] == 2)
        held.set()
        assert [(await each).json() for each in reading] == [{"thing": 1}] * 2
        assert [asked.method for asked in api.service.asked] == ["GET", "PUT"]


FORBIDDING = [
    {"Cache_Control": "no-store"},
    {"Cache_Control": "private"},
    {"Cache_Control": "no-cache"},
    {"Cache_Control": "private, max-age=60"},
    {"Cache_Control": "max-age=60; no-store"},
    {"Set_Cookie": "a=b"},
    {"Vary": "*"},
    {"Vary": "Accept-Language, baggage"},
]


async def together(
    telemetry: Telemetry, folder: Path, answer: dict[str, str], status: int = 200
) -> list[int]:
    """The numbers that three requests of the same time get of a service that counts."""
    numbers = count()
    three = asyncio.Event()

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        number = next(numbers)
        await three.wait()
        body = json.dumps(number if status == 200 else {"number": number}).encode()
        writer.write(reply(status, body, Content_Type="application/json", **answer))

    async with running(telemetry, folder, routes("coalesce: true"), behave) as api:
        asking = [asyncio.create_task(api.get("/things/a")) for _ in range(3)]
        await until(lambda: api.pipeline.in_flight._by_route["read"] == 3)
        three.set()
        found = [(await each).json() for each in asking]
    return sorted(each["thing" if status == 200 else "number"] for each in found)


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("answer", [*FORBIDDING, {"Cache_Control": "max-age=0"}], ids=str)
async def test_what_is_one_requests_own_is_not_shared(
    telemetry: Telemetry, tmp_path: Path, answer: dict[str, str], status: int
) -> None:
    assert await together(telemetry, tmp_path, answer, status) == [0, 1, 2]


@pytest.mark.parametrize(
    "answer", [{}, FRESH, {"Cache_Control": "public"}, {"Vary": "Accept-Language"}], ids=str
)
async def test_what_may_be_shared_is(telemetry: Telemetry, tmp_path: Path, answer: dict[str, str]) -> None:
    assert await together(telemetry, tmp_path, answer) == [0, 0, 0]


@pytest.mark.parametrize("control", ["no-store", "no-cache", "max-age=0", "no-cache, no-store"])
async def test_a_request_can_want_an_answer_of_its_own(
    telemetry: Telemetry, tmp_path: Path, control: str
) -> None:
    thing = Thing(**FRESH)
    own = {"Cache-Control": control}
    async with running(telemetry, tmp_path, routes("cache: true\n    coalesce: true"), thing) as api:
        await api.get("/things/a")
        thing.number = 1
        assert (await api.get("/things/a")).json() == {"thing": 0}
        assert (await api.get("/things/a", headers=own)).json() == {"thing": 1}
        kept = (await api.get("/things/a")).json()
        assert kept == {"thing": 0 if "no-store" in control else 1}, "what may not be kept was"
        assert (await api.get("/things/a", headers={"Cache-Control": "max-age=60"})).json() == kept


NEVER_STALE = [{"Cache_Control": f"max-age=9, {each}"} for each in ("must-revalidate", "s-maxage=9")]


@pytest.mark.parametrize("answer", [*FORBIDDING, *NEVER_STALE], ids=str)
async def test_nothing_stale_is_given_that_may_not_be(
    telemetry: Telemetry, tmp_path: Path, answer: dict[str, str]
) -> None:
    answers: dict[str, bytes | Behaviour] = {"/orders/a": said("kept"), "/orders/b": said("of before")}
    text = routes("auth: optional", "stale")
    async with running(telemetry, tmp_path, text, answering(answers)) as api:
        for path in ("a", "b"):
            await api.get(f"/things/{path}")
        answers["/orders/b"] = said("secret", **answer)
        assert (await api.get("/things/b")).json() == {"thing": "secret"}
        answers.update({"/orders/a": reply(500), "/orders/b": reply(500)})
        assert (await api.get("/things/a")).json()["thing"] == "kept"
        assert (await api.get("/things/b")).status_code == 502


async def test_nothing_stale_is_given_after_a_write(telemetry: Telemetry, tmp_path: Path) -> None:
    thing = Thing()
    failing = False

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if failing and asked.method == "GET":
            writer.write(reply(500))
        else:
            await thing(asked, writer)

    async with running(telemetry, tmp_path, routes("auth: optional", "stale"), behave) as api:
        await api.get("/things/a")
        failing = True
        assert (await api.get("/things/a")).json()["thing"] == 0
        await api.client.put("/things/a", json={})
        assert (await api.get("/things/a")).status_code == 502


async def test_every_process_knows_of_a_write(tmp_path: Path) -> None:
    text = routes("cache: true")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(Server(Thing(**FRESH)).running())
        services = {name: {"timeout_seconds": 5} for name in ("orders", "accounts")}
        running_ = await stack.enter_async_context(gateway(tmp_path, url, 2, text, services=services))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))
        for number in range(2):
            for process in range(2):
                for _ in range(2):
                    answer = await client.get(running_.url("/things/a", process))
                    assert answer.json() == {"thing": number}
            await client.put(running_.url("/things/a", number), json={})
