"""Composed documents that are kept and shared: for whom, and for how long."""

import asyncio
from pathlib import Path

import pytest

from gateway.tests.api import Api, answering, bearer, running, said, table_of
from gateway.tests.upstreams import Asked, Behaviour, reply, until
from observability import Hop

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
    """What the service knows of a request."""
    heard = (asked.headers.get(name) for name in ("x-user-id", "x-user-scopes", "accept-language"))
    return [asked.target, *heard]


async def test_everybody_gets_the_document_that_was_kept_for_them(hop: Hop, tmp_path: Path) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(said(told(asked), Cache_Control="max-age=60"))

    async with running(hop, tmp_path, ONE.format(options="cache: true"), behave) as api:
        first = [await api.get(path, headers=headers) for path, headers in ASKING]
        again = [await api.get(path, headers=headers) for path, headers in ASKING]
        asked = [told(each) for each in api.upstream.asked]
    assert [answer.json()["x"] for answer in first] == asked
    assert len({str(each) for each in asked}) == len(ASKING)
    assert [answer.content for answer in again] == [answer.content for answer in first]
    assert all("Age" in answer.headers for answer in again)


async def test_only_those_who_ask_for_the_same_share_work(hop: Hop, tmp_path: Path) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await until(lambda: len(api.upstream.asked) == len(ASKING))
        writer.write(said(told(asked)))

    async with running(hop, tmp_path, ONE.format(options="coalesce: true"), behave) as api:
        answers = await asyncio.gather(*(api.get(path, headers=headers) for path, headers in ASKING))
    assert len({str(answer.json()["x"]) for answer in answers}) == len(ASKING)


async def test_no_document_of_an_older_file_is_given(hop: Hop, tmp_path: Path) -> None:
    text = ONE.format(options="cache: true")
    answers: dict[str, bytes | Behaviour] = {"/x": said({"a": 1, "secret": 2}, Cache_Control="max-age=60")}
    async with running(hop, tmp_path, text, answering(answers)) as api:
        assert (await api.get("/a")).json() == {"x": {"a": 1, "secret": 2}}
        api.gateway.use(table_of(tmp_path, text.replace("path: /x,", "path: /x, select: [a],"), api.world))
        answer = await api.get("/a")
    assert (answer.json(), "Age" in answer.headers) == ({"x": {"a": 1}}, False)


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


async def test_a_part_is_stale_in_its_own_shape(hop: Hop, tmp_path: Path) -> None:
    answers: dict[str, bytes | Behaviour] = {"/x": said(WHOLE), "/y": said(1)}
    async with running(hop, tmp_path, STALE, answering(answers)) as api:
        await api.get("/a")
        answers["/x"] = reply(500)
        assert await content(api, "/a") == {"items": [1], "whole": WHOLE, "always": 1}
        assert await content(api, "/b") == {"always": 1}
        other = STALE.replace("select: items", "select: [n]")
        api.gateway.use(table_of(tmp_path, other, api.world))
        assert await content(api, "/a") == {"items": None, "whole": None, "always": 1}


@pytest.mark.parametrize("other", [{}, BOB, bearer(sub="ada", scope="a"), ADA | {"Accept-Language": "eo"}])
async def test_nobody_gets_what_was_last_good_for_another(
    hop: Hop, tmp_path: Path, other: dict[str, str]
) -> None:
    text = STALE.replace("select: items", "headers: [Accept-Language], select: items")
    answers: dict[str, bytes | Behaviour] = {"/x": said(WHOLE), "/y": said(1)}
    async with running(hop, tmp_path, text, answering(answers)) as api:
        await api.get("/a", headers=ADA)
        answers["/x"] = reply(500)
        assert (await content(api, "/a", ADA))["items"] == [1]
        assert (await content(api, "/a", other))["items"] is None
