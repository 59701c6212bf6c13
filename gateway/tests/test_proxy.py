"""Proxied routes, over real HTTP on both sides: streamed both ways, and what is not passed on."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.messages import Request
from gateway.tests.api import Api, answering, before_each, left, limit, running, said
from gateway.tests.services import Asked, hang, reply, until
from observability import Telemetry
from observability.http.client import Origin
from observability.http.server.tests.servers import Client
from observability.tests.telemetry import lines_of

ROUTES = """\
services: {defaults: {timeout_seconds: 20, retries: {attempts: 1}}}
routes:
  - {id: get, method: GET, path: "/f/{rest*}", proxy: {service: orders, path: "/files/{path.rest}"}}
  - {id: put, method: PUT, path: "/f/{rest*}", proxy: {service: orders, path: "/files/{path.rest}"}}
  - id: post
    method: POST
    path: /things
    body: {type: object, required: [name], properties: {name: {type: string}}}
    proxy: {service: orders, path: /things, location_prefix: /v1}
"""
PIECE = b"x" * 65536


async def test_an_answer_of_any_size_comes_while_it_is_made(telemetry: Telemetry, tmp_path: Path) -> None:
    seen = asyncio.Event()

    async def send(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await seen.wait()  # the caller has the first piece before there is a second
        for _ in range(200):
            writer.write(b"10000\r\n" + PIECE + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a/b%20c": send})) as api:
        size = 0
        async with api.client.stream("GET", "/f/a/b%20c") as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_bytes():
                size += len(piece)
                seen.set()
    assert size == 5 + 200 * len(PIECE)


async def test_a_body_of_any_size_is_sent_while_it_comes(telemetry: Telemetry, tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield PIECE

    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": reply(201)})) as api:
        answer = await api.client.put("/f/a", content=body())
        (asked,) = api.service.asked
    assert (answer.status_code, len(asked.body)) == (201, 100 * len(PIECE))


async def test_what_is_between_two_hops_stays_there(telemetry: Telemetry, tmp_path: Path) -> None:
    answer = reply(200, Connection="X-Own", X_Own="1", Keep_Alive="timeout=5", X_Kept="1", Server="secret")
    sent = {
        "Connection": "X-Mine",
        "X-Mine": "1",
        "TE": "trailers",
        "X-Platform-Credential": "forged",
        "X-User-Id": "root",
        "X-Caller": "rio",
        "Accept-Language": "eo",
        "Authorization": "Basic eDp5",
    }
    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": answer})) as api:
        got = await api.get("/f/a?x=1&y=%20", headers=sent)
        (asked,) = api.service.asked
    assert asked.target == "/files/a?x=1&y=%20"
    assert asked.headers["x-platform-credential"] == "secret"
    assert asked.headers["accept-language"] == "eo"
    assert not {"x-mine", "te", "x-user-id", "x-caller", "authorization"} & asked.headers.keys()
    assert got.headers["X-Kept"] == "1"
    assert not {"x-own", "keep-alive", "server"} & {name.lower() for name in got.headers}


@asynccontextmanager
async def in_front_of(
    answer: bytes, telemetry: Telemetry, folder: Path
) -> AsyncIterator[tuple[Api, list[bytes]]]:
    """A gateway before a server that answers at the end of a head; and the heads that it got."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, running(telemetry, folder, ROUTES, answering({})) as api:
        host, port = server.sockets[0].getsockname()
        api.context.service_client._origin = type(api.context.service_client._origin).of(
            f"http://{host}:{port}"
        )  # type: ignore[attr-defined]
        yield api, heads


async def test_baggage_is_passed_on_once(telemetry: Telemetry, tmp_path: Path) -> None:
    async with in_front_of(reply(Connection="close"), telemetry, tmp_path) as (api, heads):
        assert (await api.get("/f/a", headers={"baggage": "tenant=blue"})).status_code == 200
    (head,) = heads
    assert re.findall(rb"(?i)\r\nbaggage: *(.*)\r\n", head) == [b"tenant=blue"]


async def test_a_service_does_not_speak_for_the_gateway(telemetry: Telemetry, tmp_path: Path) -> None:
    said = {
        "Access_Control_Allow_Origin": "*",
        "Access_Control_Allow_Credentials": "true",
        "RateLimit": '"x";r=1',
        "RateLimit_Policy": '"x";q=1',
        "RateLimit_Remaining": "1",
        "Content_Security_Policy": "default-src *",
        "X_Request_Id": "the-service",
        "X_Trace_Id": "the-service",
    }
    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": reply(**said)})) as api:
        got = await api.get("/f/a")
    assert len(got.headers["X-Trace-Id"]) == len(got.headers["X-Request-Id"]) == 32
    assert not set(said.values()) & set(got.headers.values())


@pytest.mark.parametrize("path", ["/f/a/../b", "/f/%2e%2e/b", "/f/a%2fb", "/f/a/%2E/b"])
async def test_a_path_leads_nowhere_else(telemetry: Telemetry, tmp_path: Path, path: str) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        host = httpx.URL(api.url)
        reader, writer = await asyncio.open_connection(host.host, host.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert not api.service.asked


async def test_a_204_has_no_length(telemetry: Telemetry, tmp_path: Path) -> None:
    empty = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": empty})) as api:
        answers = [await api.get("/f/a") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert all("Content-Length" not in answer.headers for answer in answers)


async def test_a_caller_that_goes_away_ends_the_call(telemetry: Telemetry, tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def wait(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        await left(writer)
        ended.set()

    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": wait})) as api:
        async with api.client.stream("GET", "/f/a") as answer:
            await anext(answer.aiter_bytes())
        async with asyncio.timeout(10):
            await ended.wait()
        await until(lambda: api.pipeline.in_flight.count == 0)


async def test_an_answer_that_breaks_off_is_cut_off(telemetry: Telemetry, tmp_path: Path) -> None:
    async def stop(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        writer.close()

    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": stop})) as api:
        with pytest.raises(httpx.RemoteProtocolError):
            await api.get("/f/a")


@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
async def test_an_early_answer_reaches_who_is_still_sending(
    telemetry: Telemetry, tmp_path: Path, framing: str
) -> None:
    """And says that its connection ends: nobody waits for the rest of the body."""
    async with in_front_of(reply(413, b"no", Connection="close"), telemetry, tmp_path) as (api, _):
        url = httpx.URL(api.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"PUT /f/a HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n5\r\nfirst\r\n".encode())
        async with asyncio.timeout(10):
            received = await reader.read()
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert head.count(b"\r\nConnection: close") == 1
    assert body == b"no"


async def test_head(telemetry: Telemetry, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    async with running(telemetry, tmp_path, ROUTES, answering({"/files/a": head})) as api:
        for _ in range(2):
            answer = await api.client.head("/f/a")
            assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (
                200,
                "5000",
                b"",
            )
        assert {asked.method for asked in api.service.asked} == {"HEAD"}


async def test_a_declared_body_is_checked_first(telemetry: Telemetry, tmp_path: Path) -> None:
    made = said({"id": 1}, Location="/things/1")
    async with running(telemetry, tmp_path, ROUTES, answering({"/things": made})) as api:
        good = await api.client.post("/things", json={"name": "x"})
        assert good.headers["Location"] == "/v1/things/1"
        for content, kind, status in (
            (b"{", "application/json", 400),
            (b"{}", "text/plain", 415),
            (b"{}", "application/json", 422),
            (b'{"name": 1}', "application/json", 422),
            (b"1" * (1024 * 1024 + 1), "application/json", 413),
        ):
            refused = await api.client.post("/things", content=content, headers={"Content-Type": kind})
            assert refused.status_code == status
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert refused.json()["trace_id"] == refused.headers["X-Trace-Id"]
        assert len(api.service.asked) == 1


async def test_chunks_over_the_limit_are_refused(telemetry: Telemetry, tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield PIECE

    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        answer = await api.client.post(
            "/things", content=body(), headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 413


UPLOADS = """\
services: {defaults: {timeout_seconds: %s, retries: {attempts: 1}}}
routes:
  - {id: put, method: PUT, path: /f, deadline_seconds: %s, proxy: {service: orders, path: /files}}
"""
#: A body in two parts, with a length and in chunks.
BEGINNING = {
    "plain": b"PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc",
    "chunked": b"PUT /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}
END = {"plain": b"def", "chunked": b"3\r\ndef\r\n0\r\n\r\n"}
either_way = pytest.mark.parametrize("way", BEGINNING)


def uploading(api: Api) -> AbstractAsyncContextManager[Client]:
    """A connection to send a body on."""
    port = httpx.URL(api.url).port
    assert port is not None
    return Client.of(port)


def requests_of(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that the gateway gets from now on."""
    found: list[Request] = []
    before_each(api, monkeypatch, found.append)
    return found


@asynccontextmanager
async def answering_early(api: Api, answer: bytes) -> AsyncIterator[None]:
    """A service that answers as soon as it has a head, and then reads no more."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        api.context.service_client._origin = Origin.of(f"http://{host}:{port}")  # type: ignore[attr-defined]
        yield


@either_way
async def test_a_body_may_take_longer_than_the_deadline(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with running(telemetry, tmp_path, UPLOADS % (0.5, 1), answering({"/files": reply(201)})) as api:
        asked = requests_of(api, monkeypatch)
        async with uploading(api) as client:
            await client.send(BEGINNING[way])
            await until(lambda: asked and asked[0].deadline.expired)
            await client.send(END[way])
            assert (await client.answer()).status == 201
        assert [each.body for each in api.service.asked] == [b"abcdef"]


@either_way
@pytest.mark.parametrize("seconds", [(0.2, 20), (20, 0.2)], ids=["timeout", "deadline"])
async def test_once_the_body_is_there_its_answer_has_to_be_in_time(
    telemetry: Telemetry, tmp_path: Path, way: str, seconds: tuple[float, float]
) -> None:
    async with running(telemetry, tmp_path, UPLOADS % seconds, answering({"/files": hang})) as api:
        async with uploading(api) as client:
            await client.send(BEGINNING[way] + END[way])
            assert (await client.answer()).status == 504
        await until(lambda: not api.pipeline.in_flight.count)


@either_way
@pytest.mark.parametrize("clock", ["stream_idle_seconds", "stream_seconds"])
async def test_who_sends_no_more_of_a_body_reads_why(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, clock: str
) -> None:
    async with running(telemetry, tmp_path, UPLOADS % (20, 20), answering({})) as api:
        limit(api, monkeypatch, **{clock: 0.1})
        async with uploading(api) as client:
            await client.send(BEGINNING[way])
            answer = await client.answer()
            assert (answer.status, answer.headers["Content-Type"]) == (408, "application/problem+json")
            assert await client.rest() == b""
            assert not api.service.asked


@either_way
@pytest.mark.parametrize("status", [200, 413])
async def test_an_answer_may_come_before_the_body(
    telemetry: Telemetry, tmp_path: Path, way: str, status: int
) -> None:
    async with (
        running(telemetry, tmp_path, UPLOADS % (20, 20), answering({})) as api,
        answering_early(api, reply(status, b"early")),
        uploading(api) as client,
    ):
        await client.send(BEGINNING[way])
        answer = await client.answer()
        assert (answer.status, answer.body) == (status, b"early")
        assert await client.rest() == b""


@either_way
async def test_a_body_that_does_not_come_cuts_an_answer_that_has_begun(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nearly"
    async with running(telemetry, tmp_path, UPLOADS % (20, 20), answering({})) as api:
        limit(api, monkeypatch, stream_idle_seconds=0.5)
        with lines_of() as lines:
            async with answering_early(api, beginning), uploading(api) as client:
                await client.send(BEGINNING[way])
                received = await client.rest()
                await until(lambda: not api.pipeline.in_flight.count)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"early")
    (line,) = (record for record, _ in lines.lines if record.name == "access")
    assert vars(line)["status"] == 408
