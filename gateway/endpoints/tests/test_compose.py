"""Composed documents that are kept and shared: for whom, and for how long."""

import asyncio
from pathlib import Path

import pytest

from gateway.tests.api import Api, answering, bearer, router_of, running, said
from gateway.tests.services import Asked, Behaviour, reply, until
from observability import Telemetry

ONE = """\
services: {{defaults: {{retries: {{attempts: 1}}, timeout_seconds: 20}}}}
routes:
  - id: a
    method: GET
    path: /a
    {options}
    parameters: {{q: {{type: string}}}}
    compose:
      x: {{service: orders, path: /x, query: {{q: "{{query.q}}"}}, headers: [Accept-Language]}}
"""
ADA, BOB = bearer(sub="ada", scope="a b"), bearer(sub="bob", scope="a b")
#: Every one of them another's answer would be wrong for.
ASKING: list[tuple[str, dict[str, str]]] = [
    ("/a", {}),
    ("/a?q=", {}),
    ("/a?q=1", {}),
    ("/a", {"Accept-Language": "eo"}),
    ("/a", {"Accept-Language": "de"}),
    ("/a", ADA),
    ("/a", BOB),
    ("/a", bearer(sub="ada", scope="a")),
    ("/a", ADA | {"Accept-Language": "eo"}),
]


def told(asked: Asked) -> list[str | None]:
    """The target and headers of a request that say who the caller is and what it reads."""
    heard = (asked.headers.get(name) for name in ("x-user-id", "x-user-scopes", "accept-language"))
    return [asked.target, *heard]


async def test_everybody_gets_the_document_that_was_kept_for_them(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(said(told(asked), Cache_Control="max-age=60"))

    async with running(telemetry, tmp_path, ONE.format(options="cache: true"), behave) as api:
        first = [await api.get(path, headers=headers) for path, headers in ASKING]
        again = [await api.get(path, headers=headers) for path, headers in ASKING]
        asked = [told(each) for each in api.service.asked]
    assert [answer.json()["x"] for answer in first] == asked
    assert len({str(each) for each in asked}) == len(ASKING)
    assert [answer.content for answer in again] == [answer.content for answer in first]
    assert all("Age" in answer.headers for answer in again)


async def test_only_those_who_ask_for_the_same_share_work(telemetry: Telemetry, tmp_path: Path) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await until(lambda: len(api.service.asked) == len(ASKING))
        writer.write(said(told(asked)))

    async with running(telemetry, tmp_path, ONE.format(options="coalesce: true"), behave) as api:
        answers = await asyncio.gather(*(api.get(path, headers=headers) for path, headers in ASKING))
    assert len({str(answer.json()["x"]) for answer in answers}) == len(ASKING)


async def test_no_document_of_an_older_file_is_given(telemetry: Telemetry, tmp_path: Path) -> None:
    text = ONE.format(options="cache: true")
    answers: dict[str, bytes | Behaviour] = {"/x": said({"a": 1, "secret": 2}, Cache_Control="max-age=60")}
    async with running(telemetry, tmp_path, text, answering(answers)) as api:
        assert (await api.get("/a")).json() == {"x": {"a": 1, "secret": 2}}
        api.pipeline.use(
            router_of(tmp_path, text.replace("path: /x,", "path: /x, select: [a],"), api.context)
        )
        answer = await api.get("/a")
    assert (answer.json(), "Age" in answer.headers) == ({"x": {"a": 1}}, False)


TWO = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: a
    method: GET
    path: /a
    cache: true
    auth: %s
    compose:
      x: {service: orders, path: /x, headers: [Accept-Language, X-Unit]}
      y: {service: accounts, path: "/y/{x.of}"}
"""


@pytest.mark.parametrize(
    ("x", "y", "headers", "control"),
    [
        ("max-age=60", "max-age=30", {}, "max-age=30"),
        ("max-age=60", "max-age=30", ADA, "private, max-age=30"),
        ("public, max-age=60", "max-age=30", ADA, "private, max-age=30"),
        ("public, max-age=60", "max-age=30, public", ADA, "public, max-age=30"),
        ("public, max-age=60", "public, max-age=30", {}, "max-age=30"),
        ("s-maxage=60, max-age=0", "max-age=30", {}, "max-age=0"),
        ("s-maxage=0, max-age=60", "max-age=30", {}, "max-age=30"),
        ("public", "max-age=30", {}, None),
        ("private, max-age=60", "max-age=30", ADA, None),
    ],
)
async def test_caches_on_the_way_are_told_what_they_may_keep(
    telemetry: Telemetry, tmp_path: Path, x: str, y: str, headers: dict[str, str], control: str | None
) -> None:
    answers = {"/x": said({"of": 1}, Cache_Control=x), "/y/1": said(2, Cache_Control=y)}
    async with running(telemetry, tmp_path, TWO % "optional", answering(dict(answers))) as api:
        answer = await api.get("/a", headers=headers)
    assert answer.headers.get("Cache-Control") == control
    varies = "Accept-Language, X-Unit" + (", Authorization" if control else "")
    assert answer.headers["Vary"] == varies


@pytest.mark.parametrize(
    ("auth", "vary"),
    [("none", "Accept-Language, X-Unit"), ("required", "Accept-Language, X-Unit, Authorization")],
)
async def test_every_answer_that_may_be_kept_tells_what_it_depends_on(
    telemetry: Telemetry, tmp_path: Path, auth: str, vary: str
) -> None:
    answers: dict[str, bytes | Behaviour] = {
        "/x": said({"of": 1}, Cache_Control="max-age=60"),
        "/y/1": said(2, Cache_Control="max-age=60"),
    }
    async with running(telemetry, tmp_path, TWO % auth, answering(answers)) as api:
        new = await api.get("/a", headers=ADA)
        known = await api.get("/a", headers=ADA)
        unchanged = await api.get("/a", headers=ADA | {"If-None-Match": new.headers["ETag"]})
        answers["/x"] = reply(404, Cache_Control="max-age=60")
        unknown = await api.get("/a", headers=ADA | {"X-Unit": "m"})
        answers["/x"] = reply(404)
        not_kept = await api.get("/a", headers=ADA | {"X-Unit": "m"})
    got = [new, known, unchanged, unknown]
    assert [answer.status_code for answer in got] == [200, 200, 304, 404]
    assert [answer.headers["Vary"] for answer in got] == [vary] * 4
    assert not_kept.headers["Vary"] == "Accept-Language, X-Unit"


async def test_a_document_that_depends_on_no_header_says_so(telemetry: Telemetry, tmp_path: Path) -> None:
    text = (TWO % "optional").replace(", headers: [Accept-Language, X-Unit]", "")
    answers = {"/x": said({"of": 1}), "/y/1": said(2)}
    async with running(telemetry, tmp_path, text, answering(dict(answers))) as api:
        assert "Vary" not in (await api.get("/a")).headers


@pytest.mark.parametrize(("seconds", "kept"), [(60, True), (40, False)])
async def test_a_document_is_as_old_as_its_first_part(
    telemetry: Telemetry, tmp_path: Path, seconds: int, kept: bool
) -> None:
    now = 100.0

    async def take_long(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal now
        now += 40.5
        writer.write(said(2, Cache_Control="max-age=90"))

    answers = {"/x": said({"of": 1}, Cache_Control=f"max-age={seconds}"), "/y/1": take_long}
    async with running(telemetry, tmp_path, TWO % "none", answering(dict(answers))) as api:
        api.pipeline.router.routes[0].endpoint.executor.plan.clock = lambda: now
        api.context.cache._clock = lambda: now
        new = await api.get("/a")
        assert (new.headers["Cache-Control"], new.headers["Age"]) == (f"max-age={seconds}", "40")
        assert len(api.context.cache) == kept
        now += 19
        again = await api.get("/a")
        assert again.headers["Age"] == ("59" if kept else "40")
        assert len(api.service.asked) == (2 if kept else 4)
        now += 1
        await api.get("/a")
        assert len(api.service.asked) == (4 if kept else 6)


STALE = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: a
    method: GET
    path: /a
    compose:
      items: {service: orders, path: /x, select: items, on_failure: stale}
      whole: {service: orders, path: /x, on_failure: stale}
      always: {service: orders, path: /y}
  - id: b
    method: GET
    path: /b
    compose:
      items: {service: orders, path: /x, flatten: true, select: [n], on_failure: stale}
      always: {service: orders, path: /y}
"""
WHOLE = {"items": [1], "n": 2}


async def content(api: Api, path: str, headers: dict[str, str] | None = None) -> dict[str, object]:
    """A document without what failed in it."""
    document: dict[str, object] = (await api.get(path, headers=headers or {})).json()
    return {name: value for name, value in document.items() if name != "errors"}


async def test_a_part_is_stale_in_its_own_shape(telemetry: Telemetry, tmp_path: Path) -> None:
    answers: dict[str, bytes | Behaviour] = {"/x": said(WHOLE), "/y": said(1)}
    async with running(telemetry, tmp_path, STALE, answering(answers)) as api:
        await api.get("/a")
        answers["/x"] = reply(500)
        assert await content(api, "/a") == {"items": [1], "whole": WHOLE, "always": 1}
        assert await content(api, "/b") == {"always": 1}
        other = STALE.replace("select: items", "select: [n]")
        api.pipeline.use(router_of(tmp_path, other, api.context))
        assert await content(api, "/a") == {"items": None, "whole": None, "always": 1}


@pytest.mark.parametrize("other", [{}, BOB, bearer(sub="ada", scope="a"), ADA | {"Accept-Language": "eo"}])
async def test_nobody_gets_what_was_last_good_for_another(
    telemetry: Telemetry, tmp_path: Path, other: dict[str, str]
) -> None:
    text = STALE.replace("select: items", "headers: [Accept-Language], select: items")
    answers: dict[str, bytes | Behaviour] = {"/x": said(WHOLE), "/y": said(1)}
    async with running(telemetry, tmp_path, text, answering(answers)) as api:
        await api.get("/a", headers=ADA)
        answers["/x"] = reply(500)
        assert (await content(api, "/a", ADA))["items"] == [1]
        assert (await content(api, "/a", other))["items"] is None
