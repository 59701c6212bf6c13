"""A whole gateway's port, as bytes: what comes in any pieces is answered as each request alone."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import httpx
import pytest
import pytest_asyncio
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.endpoints.handler import Tools
from gateway.limits import LIMITS
from gateway.messages import Request, Response
from gateway.tests.api import Api, limit, running
from gateway.tests.services import Asked, reply, until
from observability import Telemetry
from observability.http.server.connection import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - {id: get, method: GET, path: "/told/{id}", handler: gateway.tests.test_port.told}
  - {id: post, method: POST, path: "/told/{id}", handler: gateway.tests.test_port.told}
  - {id: bad, method: GET, path: "/bad/{id}", handler: gateway.tests.test_port.bad}
  - {id: gated, method: GET, path: /gated, handler: gateway.tests.test_port.gated}
  - {id: large, method: GET, path: /large, handler: gateway.tests.test_port.large}
  - {id: put, method: PUT, path: "/through/{id}", proxy: {service: orders, path: "/{path.id}"}}
"""
#: What no two answers have in common.
OWN = {"date", "x-trace-id", "x-request-id"}
#: More than the kernel holds of answers that nobody reads.
LARGE = bytes(24 << 20)


async def large(_: Request, __: Tools) -> Response:
    return Response(200, [], LARGE)


async def bad(request: Request, _: Tools) -> Response:
    """An answer that cannot be sent as it is."""
    if request.path == "/bad/header":
        return Response(200, [("X-A", "a\r\nX-B: b")], b"")
    if request.path == "/bad/characters":
        return Response(200, [("X-A", "\u2028")], b"")
    if request.path == "/bad/streamed":
        return Response(200, [("X-A", "\u20ac")], pieces_of(request.path))
    return Response(200, [("Content-Length", "4")], pieces_of(request.path))


#: What gated answers wait for.
GATES: list[asyncio.Event] = []


async def gated(_: Request, __: Tools) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        gate = asyncio.Event()
        GATES.append(gate)
        await gate.wait()
        yield b"abc"

    return Response(200, [], pieces())


async def pieces_of(path: str) -> AsyncIterator[bytes]:
    yield b"abc"
    if path == "/bad/long":
        yield b"defHTTP/1.1 200 OK"
    if path == "/bad/raises":
        raise RuntimeError("broken off")


async def told(request: Request, _: Tools) -> Response:
    return Response(200, [("X-Asked", f"{request.method} {request.path}")], request.body)


async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(200, asked.body, X_Asked=asked.target))


class ReceivedAnswer(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def without_own(self) -> "ReceivedAnswer":
        kept = {name: value for name, value in self.headers.items() if name not in OWN}
        return self._replace(headers=kept, body=self.body.replace(self.headers["x-trace-id"].encode(), b""))


class Client:
    """A client that sends bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send pieces, each of which has the time to be read alone."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            for _ in range(3):
                await asyncio.sleep(0)

    async def answer(self, method: str = "GET") -> ReceivedAnswer:
        """The next answer; its body has a length, or comes in chunks."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            assert len(headers) == len(lines)
            return ReceivedAnswer(int(first.split()[1]), headers, await self._body(method, headers))

    async def _body(self, method: str, headers: dict[str, str]) -> bytes:
        if method == "HEAD":
            return b""
        if "transfer-encoding" not in headers:
            return await self.reader.readexactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readline() == b"\r\n"
        assert await self.reader.readline() == b"\r\n"
        return body

    async def rest(self) -> bytes:
        """Whatever comes until the connection is closed."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@asynccontextmanager
async def client_of(api: Api) -> AsyncIterator[Client]:
    url = httpx.URL(api.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def api(telemetry: Telemetry, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with running(telemetry, tmp_path_factory.mktemp("gateway"), ROUTES, echo) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_is_left(api: Api) -> AsyncIterator[None]:
    """No test leaves a connection, a request that nobody answers, or an exception that nobody took."""
    complaints: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, said: complaints.append(said))
    yield
    await until(lambda: not api.front.connections)
    await until(lambda: not api.pipeline.in_flight.count)
    loop.set_exception_handler(None)
    assert not complaints


async def connected(api: Api) -> Connection:
    """The one connection of the port."""
    await until(lambda: len(api.front.connections) == 1)
    (connection,) = api.front.connections
    return connection


def unsent(connection: Connection) -> int:
    return connection._transport.get_write_buffer_size()


def asking(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """A request; its body has a length, where it has one."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *length, *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def in_chunks(body: bytes) -> bytes:
    head = asking("POST", "/told/chunked", "Transfer-Encoding: chunked")
    return head + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


class Asking(NamedTuple):
    """A request that can be sent."""

    method: str
    data: bytes


BODIES = st.binary(max_size=40) | st.integers(1, 100_000).map(bytes)
GOOD = st.one_of(
    st.sampled_from(["GET", "HEAD", "OPTIONS", "DELETE"]).map(lambda it: Asking(it, asking(it, "/told/1"))),
    st.just(Asking("GET", asking("GET", "/nowhere"))),
    BODIES.map(lambda body: Asking("POST", asking("POST", "/told/2", body=body))),
    BODIES.map(lambda body: Asking("PUT", asking("PUT", "/through/3", body=body))),
    BODIES.map(lambda body: Asking("POST", in_chunks(body))),
)
LAST = Asking("GET", asking("GET", "/told/last", "Connection: close"))


async def exchange(api: Api, asked: list[Asking], pieces: list[bytes]) -> list[ReceivedAnswer]:
    """The responses to requests that come in those pieces, the last of which closes the connection."""
    async with client_of(api) as client:
        sending = asyncio.create_task(client.send(*pieces))
        answers = [(await client.answer(each.method)).without_own() for each in asked]
        await sending
        assert await client.rest() == b""
    return answers


async def alone(api: Api, asked: Asking) -> ReceivedAnswer:
    """The response to a request that comes whole, on a connection of its own."""
    async with client_of(api) as client:
        await client.send(asked.data)
        return (await client.answer(asked.method)).without_own()


@settings(max_examples=60, deadline=None)
@given(st.lists(GOOD, max_size=5), st.data())
async def test_a_pipeline_in_any_pieces_is_answered_as_each_request_alone(
    api: Api, asked: list[Asking], data: st.DataObject
) -> None:
    asked = [*asked, LAST]
    whole = b"".join(each.data for each in asked)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = await exchange(api, asked, pieces)
    assert found[-1].headers["x-asked"] == "GET /told/last"
    assert found == [await alone(api, each) for each in asked]


@pytest.mark.parametrize("target", ["/told/1", "/through/1"])
@pytest.mark.parametrize("come", [0, 3])
async def test_a_body_that_begins_behind_a_request_that_is_answered(api: Api, target: str, come: int) -> None:
    method = "PUT" if target == "/through/1" else "POST"
    async with client_of(api) as client:
        connection = await connected(api)
        one = asking("PUT", "/through/first")
        two = asking(method, target, "Connection: close", body=b"12345")
        kept = len(two) - 5 + come
        await client.send(one + two[:kept])
        assert (await client.answer()).status == 200
        await until(lambda: connection.reader.request is not None and not connection.reader.parser.complete)
        await client.send(two[kept:])
        assert (await client.answer()).body == b"12345"
        assert await client.rest() == b""


async def test_who_reads_no_answers_is_asked_for_no_requests(api: Api) -> None:
    async with client_of(api) as client:
        connection = await connected(api)
        one = asking("GET", "/large")
        await client.send(one)
        await until(lambda: unsent(connection))
        await client.send(*[one] * 5)
        await until(lambda: not connection._is_reading)
        assert unsent(connection) < len(LARGE)
        for _ in range(6):
            assert (await client.answer()).body == LARGE
        await client.send(LAST.data)
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_nothing_is_done_for_what_comes_after_the_last_request(api: Api) -> None:
    async with client_of(api) as client:
        await client.send(asking("GET", "/large", "Connection: close") + asking("PUT", "/through/after"))
        answer = await client.answer()
        assert answer.headers["connection"] == "close"
        assert await client.rest() == b""
    assert "/after" not in [asked.target for asked in api.service.asked]


@pytest.mark.parametrize("high", [None, 1 << 30])
async def test_a_caller_that_takes_nothing_of_its_answer_is_cut(
    api: Api, high: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where so little is left that nobody was told to stop writing."""
    limit(api, monkeypatch, idle_seconds=0.05, stall_seconds=0.05)
    async with client_of(api) as client:
        connection = await connected(api)
        connection._transport.set_write_buffer_limits(high)
        await client.send(asking("GET", "/large", "Connection: close"))
        await until(lambda: not api.front.connections)


async def test_a_caller_that_reads_slowly_gets_all_of_it(api: Api) -> None:
    async with client_of(api) as client:
        connection = await connected(api)
        await client.send(asking("GET", "/large"))
        await until(lambda: unsent(connection))
        for _ in range(3):
            before = unsent(connection)
            while unsent(connection) == before:
                await client.reader.read(1 << 16)
            connection.timer.until = 0.0  # its time is over
            connection.timer.ring()
            assert connection.timer.until > 0.0
            assert not connection._transport.is_closing()
        connection.timer.until = 0.0
        connection.timer.ring()
        assert connection._transport.is_closing()


CHUNKED = asking("POST", "/told/chunked", "Transfer-Encoding: chunked", "Connection: close") + b"0\r\n\r\n"


async def test_a_body_in_chunks_is_read_once_the_answers_before_it_are(api: Api) -> None:
    async with client_of(api) as client:
        await client.send(asking("GET", "/large") + CHUNKED)
        assert (await client.answer()).body == LARGE
        assert (await client.answer()).headers["x-asked"] == "POST /told/chunked"
        assert await client.rest() == b""


@pytest.mark.parametrize("how", ["cut", "reset"])
async def test_nothing_follows_an_answer_that_is_cut_off(api: Api, how: str) -> None:
    """The client would take it for the rest of that answer."""
    before = descriptors()
    async with client_of(api) as client:
        connection = await connected(api)
        connection._transport.set_write_buffer_limits(1 << 30)
        await client.send(asking("GET", "/large") + CHUNKED)
        await until(lambda: connection.is_closing)
        if how == "reset":
            client.writer.transport.abort()
            await until(lambda: not api.front.connections)
        else:
            await api.front.close_all_connections()
            await until(lambda: not api.front.connections)
            assert (await client.rest()).count(b"HTTP/1.1") == 1
    await until(lambda: descriptors() == before)


async def test_connections_leave_no_descriptors(api: Api) -> None:
    before = descriptors()
    for _ in range(20):
        async with client_of(api) as client:
            await client.send(CHUNKED)
            assert (await client.answer()).status == 200
            assert await client.rest() == b""
    await until(lambda: descriptors() == before)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


SLOW = asking("POST", "/told/1", "Content-Length: 5")
SLOW_CHUNKS = asking("POST", "/told/1", "Transfer-Encoding: chunked") + b"5\r\n"


@pytest.mark.parametrize("head", [SLOW, SLOW_CHUNKS], ids=["length", "chunks"])
@pytest.mark.parametrize("come", [b"", b"abc"])
async def test_a_body_that_does_not_come_is_refused(
    api: Api, head: bytes, come: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(api, monkeypatch, body_seconds=0.05)
    async with client_of(api) as client:
        await client.send(head, come)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert answer.headers["content-type"] == "application/problem+json"
        await client.send(b"de" + NEXT)  # too late, but no reason to reset the connection
        assert await client.rest() == b""


@pytest.mark.parametrize("declared", [True, False])
async def test_who_sends_too_large_a_body_reads_why(api: Api, declared: bool) -> None:
    size = LIMITS.body_bytes + LIMITS.linger_bytes // 2
    headers = f"Content-Length: {size}" if declared else "Transfer-Encoding: chunked"
    body = bytes(size) if declared else b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size))
    async with client_of(api) as client:
        await client.send(asking("POST", "/told/1", headers))
        sending = asyncio.create_task(
            client.send(*(body[at : at + 4096] for at in range(0, len(body), 4096)))
        )
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        with suppress(ConnectionError):
            await sending


NEXT = asking("GET", "/told/next")


def keeping(version: str, target: str) -> bytes:
    """A request of either version after which the connection stays."""
    return asking("GET", target, "Connection: keep-alive").replace(b"HTTP/1.1", f"HTTP/{version}".encode())


@pytest.mark.parametrize("what", ["short", "long", "raises"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_that_cannot_be_sent_is_cut(api: Api, what: str, version: str) -> None:
    async with client_of(api) as client:
        await client.send(keeping(version, f"/bad/{what}") + NEXT)
        _, _, body = (await client.rest()).partition(b"\r\n\r\n")
    assert body in (b"", b"abc")


@pytest.mark.parametrize("what", ["header", "characters", "streamed"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_whose_headers_cannot_be_sent_is_a_500(api: Api, what: str, version: str) -> None:
    """Nothing of it is sent; the connection goes on."""
    async with client_of(api) as client:
        await client.send(keeping(version, f"/bad/{what}") + NEXT)
        answer, after = await client.answer(), await client.answer()
    assert (answer.status, after.status) == (500, 200)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not {"x-a", "x-b"} & answer.headers.keys()


@pytest.mark.parametrize("said", [True, False])
async def test_an_answer_says_itself_whether_it_is_the_last(
    api: Api, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changes while its body is sent."""
    async with client_of(api) as client:
        monkeypatch.setattr(api.front, "closing", said)
        await client.send(asking("GET", "/gated"))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert (b"Connection: close" in head) is said
        monkeypatch.setattr(api.front, "closing", not said)
        await until(lambda: GATES)
        GATES.pop().set()
        assert await client.reader.readuntil(b"0\r\n\r\n") == b"3\r\nabc\r\n0\r\n\r\n"
        if not said:
            await client.send(NEXT)
            assert (await client.answer()).headers["connection"] == "close"
        assert await client.rest() == b""


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0", b" GET"])
async def test_what_cannot_become_http_is_refused_at_once(api: Api, data: bytes) -> None:
    async with client_of(api) as client:
        await client.send(data)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert await client.rest() == b""
