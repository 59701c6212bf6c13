"""Composed documents, over real HTTP on both sides: how parts fail, and what the caller is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from gateway.aggregation.tests.test_json_document import JSON, OBJECTS, encodings
from gateway.messages import Request
from gateway.service_client.deadline import Deadline
from gateway.tests.api import Api, answering, before_each, left, running, said
from gateway.tests.services import Asked, Behaviour, hang, reply, reset, until
from observability import Telemetry
from observability.tests.telemetry import spans_of

ROUTE = """\
services: {{defaults: {{retries: {{attempts: 1}}, timeout_seconds: 20}}{waited_for}}}
routes:
  - id: order
    method: GET
    path: /v1/orders/{{id}}
    {options}
    parameters: {{limit: {{type: integer}}}}
    compose:
      order: {{service: orders, path: "/orders/{{path.id}}"}}
      account: {{service: accounts, path: "/accounts/{{order.account}}", on_failure: {account}}}
      stock: {{service: inventory, path: /stock, query: {{l: "{{query.limit}}"}}, on_failure: {stock}}}
"""
ORDER, ACCOUNT, STOCK = {"id": "7", "account": "a/b"}, {"name": "Ädä"}, [1, 2.50, "x"]
GOOD: dict[str, bytes | Behaviour] = {
    "/orders/7": said(ORDER),
    "/accounts/a%2Fb": said(ACCOUNT),
    "/stock": said(STOCK),
}


def route(options: str = "", account: str = "omit", stock: str = "omit", hanging: str = "") -> str:
    """The file of routes; a service that never answers is not waited for long."""
    waited_for = f", {hanging}: {{timeout_seconds: 0.3}}" if hanging else ""
    return ROUTE.format(options=options, account=account, stock=stock, waited_for=waited_for)


FAILURES: dict[str, tuple[bytes | Behaviour, int]] = {
    "hangs": (hang, 504),
    "resets": (reset, 502),
    "fails": (reply(500), 502),
    "is away": (reply(503), 503),
    "redirects": (reply(302, Location="/x"), 502),
    "refuses": (reply(400), 502),
    "answers in part": (reply(206, b"1", Content_Range="bytes 0-0/9"), 502),
    "speaks no HTTP": (b"SMTP ready\r\n\r\n", 502),
    "breaks off": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{", 504),
    "says no JSON": (reply(200, b"<html>"), 502),
    "says half of it": (reply(200, b'{"name": '), 502),
    "says no UTF-8": (reply(200, b'"\xff"'), 502),
    "says a member twice": (reply(200, b'{"a": 1, "a": 2}'), 502),
    "says no number": (reply(200, b"NaN"), 502),
    "nests": (reply(200, b"[" * 9000 + b"]" * 9000), 502),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("policy", ["fail", "omit", "{fallback: {name: nobody}}"])
async def test_every_failure_and_every_policy(
    telemetry: Telemetry, tmp_path: Path, name: str, policy: str
) -> None:
    failing, status = FAILURES[name]
    behave = answering(GOOD | {"/accounts/a%2Fb": failing})
    hanging = "accounts" if status == 504 else ""
    async with running(telemetry, tmp_path, route(account=policy, hanging=hanging), behave) as api:
        answer = await api.get("/v1/orders/7")
    document = answer.json()
    if policy == "fail":
        passed_on = name == "refuses"
        assert answer.status_code == (400 if passed_on else status)
        assert passed_on or answer.headers["Content-Type"] == "application/problem+json"
        return
    assert (answer.status_code, answer.headers["X-Complete"]) == (200, "false")
    assert document["order"] == ORDER
    assert document["stock"] == STOCK
    assert document["account"] == (None if policy == "omit" else {"name": "nobody"})
    (error,) = document["errors"]
    assert error["part"] == "account"
    assert error["status"] == status
    assert error["cause"].startswith("accounts: ")


async def test_a_whole_document_is_the_services_bytes(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, route(), answering(GOOD)) as api:
        answer = await api.get("/v1/orders/7?limit=5")
        assert answer.content == b'{"order":%b,"account":%b,"stock":%b}' % tuple(
            json.dumps(each).encode() for each in (ORDER, ACCOUNT, STOCK)
        )
        assert answer.headers["X-Complete"] == "true"
        assert {asked.target for asked in api.service.asked} == {
            "/orders/7",
            "/accounts/a%2Fb",
            "/stock?l=5",
        }
        assert "traceparent" in api.service.asked[0].headers
        assert answer.headers["X-Trace-Id"] in api.service.asked[0].headers["traceparent"]


async def test_parts_run_at_once_as_far_as_they_can(telemetry: Telemetry, tmp_path: Path) -> None:
    together = asyncio.Barrier(2)

    async def wait(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await together.wait()  # neither answers before both are asked
        writer.write(said(ORDER if asked.target == "/orders/7" else STOCK))

    behave = answering(GOOD | {"/orders/7": wait, "/stock": wait})
    async with running(telemetry, tmp_path, route(), behave) as api:
        answer = await api.get("/v1/orders/7")
        assert answer.headers["X-Complete"] == "true"
        assert [asked.target for asked in api.service.asked][2] == "/accounts/a%2Fb"


async def test_what_a_service_does_not_know_is_null_and_not_missing(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    async with running(telemetry, tmp_path, route(), answering({"/orders/7": said(ORDER)})) as api:
        answer = await api.get("/v1/orders/7")
    assert answer.json() == {"order": ORDER, "account": None, "stock": None}
    assert answer.headers["X-Complete"] == "true"


def is_absent(span: ReadableSpan) -> bool:
    """Whether it is of a call that was answered 404."""
    status = (span.attributes or {}).get("http.response.status_code")
    return span.kind is SpanKind.CLIENT and status == 404


@pytest.mark.parametrize(("policy", "has_failed"), [("omit", False), ("fail", True)])
async def test_a_call_has_failed_where_its_part_may_not_be_absent(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, has_failed: bool
) -> None:
    exporter = spans_of(telemetry, monkeypatch)
    behave = answering(GOOD | {"/stock": reply(404)})
    async with running(telemetry, tmp_path, route(stock=policy), behave) as api:
        await api.get("/v1/orders/7")
        await until(lambda: any(map(is_absent, exporter.get_finished_spans())))
    (span,) = filter(is_absent, exporter.get_finished_spans())
    assert span.status.status_code is (StatusCode.ERROR if has_failed else StatusCode.UNSET)


async def test_the_services_own_refusal_is_passed_on(telemetry: Telemetry, tmp_path: Path) -> None:
    refused = reply(404, b'{"title": "no order"}', Content_Type="application/problem+json")
    async with running(telemetry, tmp_path, route(), answering({"/orders/7": refused})) as api:
        answer = await api.get("/v1/orders/7")
    assert (answer.status_code, answer.json()) == (404, {"title": "no order"})
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_part_whose_need_has_no_value_fails_by_itself(telemetry: Telemetry, tmp_path: Path) -> None:
    behave = answering(GOOD | {"/orders/7": said({"id": "7", "account": ["no", "id"]})})
    async with running(telemetry, tmp_path, route(), behave) as api:
        answer = await api.get("/v1/orders/7")
    assert [error["part"] for error in answer.json()["errors"]] == ["account"]


async def test_one_failure_that_counts_ends_the_others(telemetry: Telemetry, tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def wait(_: Asked, writer: asyncio.StreamWriter) -> None:
        await left(writer)
        gone.set()

    async def fail(_: Asked, writer: asyncio.StreamWriter) -> None:
        await until(lambda: len(api.service.asked) == 2)
        writer.write(reply(500))

    behave = answering({"/orders/7": fail, "/stock": wait})
    async with running(telemetry, tmp_path, route(), behave) as api:
        assert (await api.get("/v1/orders/7")).status_code == 502
        async with asyncio.timeout(10):
            await gone.wait()


async def test_the_last_good_answer_stands_in(telemetry: Telemetry, tmp_path: Path) -> None:
    answers = dict(GOOD)
    now = 100.0
    async with running(telemetry, tmp_path, route(account="stale"), answering(answers)) as api:
        api.context.last_good._clock = lambda: now
        assert (await api.get("/v1/orders/7")).headers["X-Complete"] == "true"
        answers["/accounts/a%2Fb"] = reply(500)
        now += 40.9
        document = (await api.get("/v1/orders/7")).json()
        answers["/orders/7"] = said({"account": "other"})
        answers["/accounts/other"] = reply(500)
        without = (await api.get("/v1/orders/7")).json()
    assert document["account"] == ACCOUNT
    assert document["errors"][0]["age_seconds"] == 40
    assert without["account"] is None
    assert "age_seconds" not in without["errors"][0]


async def test_a_document_of_failures_is_a_problem(telemetry: Telemetry, tmp_path: Path) -> None:
    text = """\
    services: {defaults: {retries: {attempts: 1}}}
    routes:
      - id: a
        method: GET
        path: /a
        compose:
          one: {service: orders, path: /one, on_failure: omit}
          two: {service: accounts, path: /two, on_failure: stale}
    """
    behave = answering({"/one": reply(500), "/two": reply(503, Retry_After="3")})
    async with running(telemetry, tmp_path, text, behave) as api:
        answer = await api.get("/a")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "3"


SHAPES = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: a
    method: GET
    path: /a
    parameters: {brief: {type: boolean, default: false}}
    compose:
      order: {service: orders, path: /o, flatten: true, select: [id, name], rename: {id: order_id}}
      account: {service: accounts, path: /a, flatten: true}
      names: {service: accounts, path: /list, select: items}
      more: {service: inventory, path: /m, when: not query.brief}
"""


async def test_shapes_and_conditions(telemetry: Telemetry, tmp_path: Path) -> None:
    answers = {
        "/o": said({"id": 1, "name": "o", "secret": 2}),
        "/a": said({"name": "a", "names": "taken", "x": [1]}),
        "/list": said({"items": [1], "next": None}),
        "/m": said(True),
    }
    async with running(telemetry, tmp_path, SHAPES, answering(dict(answers))) as api:
        whole = (await api.get("/a")).json()
        brief = (await api.get("/a?brief=true")).json()
    assert whole == {"order_id": 1, "name": "o", "x": [1], "names": [1], "more": True}
    assert brief == {"order_id": 1, "name": "o", "x": [1], "names": [1]}


SPLICED = """\
routes:
  - id: named
    method: GET
    path: /named
    compose:
      one: {service: orders, path: /one}
      two: {service: accounts, path: /two}
  - id: flat
    method: GET
    path: /flat
    compose:
      one: {service: orders, path: /one, flatten: true}
      two: {service: accounts, path: /two}
"""


def test_spliced_bytes_are_the_decoded_and_encoded_document(telemetry: Telemetry, tmp_path: Path) -> None:
    answers: dict[str, bytes | Behaviour] = {}
    with asyncio.Runner() as runner:
        api_of = running(telemetry, tmp_path, SPLICED, answering(answers))
        api = runner.run(api_of.__aenter__())

        @given(OBJECTS, JSON, st.integers(0, 2))
        def spliced(one: dict[str, Any], two: Any, style: int) -> None:
            written = encodings(one)[style], encodings(two)[style]
            answers.update({"/one": reply(200, written[0]), "/two": reply(200, written[1])})
            named = runner.run(api.get("/named")).content
            assert named == b'{"one":%b,"two":%b}' % written
            assert json.loads(named) == {"one": one, "two": two}
            assert runner.run(api.get("/flat")).json() == one | {"two": two}

        try:
            spliced()
        finally:
            runner.run(api_of.__aexit__(None, None, None))


CALLS = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: a
    method: POST
    path: /a/{id}
    parameters: {id: {type: integer}, page: {type: integer}, brief: {type: boolean}}
    body: {type: object, required: [sku]}
    compose:
      made:
        service: orders
        method: PUT
        path: /o/{path.id}/{body.sku}
        query: {page: "{query.page}", brief: "{query.brief}", kind: "a b"}
        headers: [Accept-Language, Idempotency-Key]
        send_body: true
      other: {service: accounts, path: /a}
"""


async def test_a_part_is_called_as_it_is_declared(telemetry: Telemetry, tmp_path: Path) -> None:
    headers = {"Accept-Language": "eo", "Idempotency-Key": '"k"', "X-Other": "1"}
    behave = answering({"/o/7/t%2F1": said(1), "/a": said(2)})
    async with running(telemetry, tmp_path, CALLS, behave) as api:
        answer = await api.client.post("/a/7?page=2", json={"sku": "t/1"}, headers=headers)
        made, other = sorted(api.service.asked, key=lambda asked: asked.target, reverse=True)
    assert answer.json() == {"made": 1, "other": 2}
    assert (made.method, made.target) == ("PUT", "/o/7/t%2F1?page=2&kind=a%20b")
    assert (made.headers["accept-language"], made.headers["idempotency-key"]) == ("eo", '"k"')
    assert json.loads(made.body) == {"sku": "t/1"}
    assert (other.method, other.target, other.body) == ("GET", "/a", b"")
    assert not {"x-other"} & made.headers.keys()
    assert not {"accept-language", "idempotency-key"} & other.headers.keys()


FILTERED = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: a
    method: GET
    path: /a
    parameters: {account: {type: string, required: true}, kind: {type: string}}
    compose: {x: {service: orders, path: /x, query: {account: "{query.account}", kind: "{query.kind}"}}}
"""


@pytest.mark.parametrize("value", ["7", "", ".", "..", "a" * 1001, "%2E%2E"])
async def test_what_the_caller_filters_by_reaches_the_service(
    telemetry: Telemetry, tmp_path: Path, value: str
) -> None:
    async with running(telemetry, tmp_path, FILTERED, answering({"/x": said(1)})) as api:
        one = await api.get(f"/a?account={value}")
        both = await api.get(f"/a?account=1&kind={value}")
        targets = [asked.target for asked in api.service.asked]
    said_of = value.replace("%2E", ".")
    assert (one.json(), both.json()) == ({"x": 1}, {"x": 1})
    assert targets == [f"/x?account={said_of}", f"/x?account=1&kind={said_of}"]


@pytest.fixture
async def shared(telemetry: Telemetry, tmp_path: Path) -> AsyncIterator[tuple[Api, asyncio.Event]]:
    """A coalescing route whose first service answers when it is told to."""
    go = asyncio.Event()

    async def wait(_: Asked, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(said(ORDER))

    async with running(
        telemetry, tmp_path, route("coalesce: true"), answering(GOOD | {"/orders/7": wait})
    ) as api:
        yield api, go


async def test_identical_requests_share_one_answer(shared: tuple[Api, asyncio.Event]) -> None:
    api, go = shared
    asking = [asyncio.create_task(api.get("/v1/orders/7")) for _ in range(5)]
    other = asyncio.create_task(api.get("/v1/orders/7?limit=1"))
    await until(lambda: api.pipeline.in_flight.count == 6)
    asking[0].cancel()  # who asked first goes away: the others still get their answer
    await until(lambda: api.pipeline.in_flight.count == 5)
    go.set()
    answers = await asyncio.gather(*asking[1:], other)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(asked.target == "/orders/7" for asked in api.service.asked) == 2


async def test_work_that_nobody_waits_for_ends(shared: tuple[Api, asyncio.Event]) -> None:
    api, _ = shared
    asking = [asyncio.create_task(api.get("/v1/orders/7")) for _ in range(3)]
    await until(lambda: api.pipeline.in_flight.count == 3)
    for each in asking:
        each.cancel()
    await until(lambda: api.pipeline.in_flight.count == 0)


async def test_documents_are_kept_as_long_as_every_service_allows(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    answers = {
        "/orders/7": said(ORDER, Cache_Control="max-age=60"),
        "/accounts/a%2Fb": said(ACCOUNT, Cache_Control="public, max-age=30"),
        "/stock": said(STOCK, Cache_Control="s-maxage=40, max-age=1"),
    }
    changing: dict[str, bytes | Behaviour] = dict(answers)
    now = 100.0
    async with running(telemetry, tmp_path, route("cache: true"), answering(changing)) as api:
        api.context.cache._clock = lambda: now
        first = await api.get("/v1/orders/7")
        second = await api.get("/v1/orders/7")
        assert first.headers["Cache-Control"] == "max-age=1"  # of who may keep it for less
        assert (second.content, second.headers["Age"]) == (first.content, "0")
        now += 29
        assert (await api.get("/v1/orders/7")).headers["Age"] == "29"
        assert len(api.service.asked) == 3
        now += 1
        assert "Age" not in (await api.get("/v1/orders/7")).headers
        assert len(api.service.asked) == 6
        changing["/stock"] = said(STOCK, Cache_Control="private, max-age=40")
        for _ in range(2):
            answer = await api.get("/v1/orders/7?limit=2")
            assert "Cache-Control" not in answer.headers
        assert len(api.service.asked) == 12


async def test_a_document_that_is_there_already_is_not_sent(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, route(), answering(GOOD)) as api:
        tag = (await api.get("/v1/orders/7")).headers["ETag"]
        again = await api.get("/v1/orders/7", headers={"If-None-Match": f'"other", W/{tag}'})
        other = await api.get("/v1/orders/7", headers={"If-None-Match": '"other"'})
        head = await api.client.head("/v1/orders/7")
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert (other.status_code, head.status_code) == (200, 200)
    assert (head.content, head.headers["ETag"]) == (b"", tag)
    assert head.headers["Content-Length"] == str(len(other.content))


def give(api: Api, monkeypatch: pytest.MonkeyPatch, *seconds: float) -> list[float]:
    """Let the next requests have so much time each; the seconds that no request has had yet."""
    left = list(seconds)

    def timed(request: Request) -> None:
        request.deadline = Deadline.after(left.pop(0))

    before_each(api, monkeypatch, timed)
    return left


@pytest.mark.parametrize("policy", ["fail", "omit"])
async def test_who_has_more_time_than_the_first_has_the_work_begun_again(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    text = f"""\
    services: {{defaults: {{timeout_seconds: 20, retries: {{attempts: 1}}}}}}
    routes:
      - id: a
        method: GET
        path: /a
        coalesce: true
        compose: {{one: {{service: orders, path: /one, on_failure: {policy}}}}}
    """
    go_on = asyncio.Event()

    async def at_last(_: Asked, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(said(1))

    async with running(telemetry, tmp_path, text, answering({"/one": at_last})) as api:
        left = give(api, monkeypatch, 0.5, 1, 20, 20)

        async def ask() -> asyncio.Task[httpx.Response]:
            before = len(left)
            asked = asyncio.create_task(api.get("/a"))
            await until(lambda: len(left) < before)
            return asked

        asking = [await ask() for _ in range(4)]
        assert [(await each).status_code for each in asking[:2]] == [504, 504]
        go_on.set()
        assert [(await each).json() for each in asking[2:]] == [{"one": 1}, {"one": 1}]
        assert len(api.service.asked) == 2, "begun again once, with the time of who has most"


async def test_work_that_its_service_did_not_do_in_time_is_not_begun_again(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = route("coalesce: true", hanging="orders")
    async with running(telemetry, tmp_path, text, answering(GOOD | {"/orders/7": hang})) as api:
        give(api, monkeypatch, 10, 20)
        leader = asyncio.create_task(api.get("/v1/orders/7"))
        await until(lambda: api.service.asked)
        other = asyncio.create_task(api.get("/v1/orders/7"))
        assert [(await each).status_code for each in (leader, other)] == [504, 504]
        assert sum(asked.target == "/orders/7" for asked in api.service.asked) == 1
