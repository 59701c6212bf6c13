"""Applications of Tornado's: served here they answer as they do on Tornado's own server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler, websocket_connect

from observability import Telemetry
from observability.http.server import Limits, Server
from observability.http.server.tests.servers import Client, refusals_of, request, until
from observability.http.server.tornado_delegate import TornadoRequests

LARGE = b"x" * 65536 * 256
#: What handlers were told of, in order.
EVENTS: list[str] = []


class Echo(RequestHandler):
    def get(self) -> None:
        request = self.request
        shown = (request.method, request.uri, request.version, request.remote_ip, request.protocol)
        self.finish(json.dumps([*shown, sorted(request.headers.get_all()), self.get_arguments("a")]))

    head = get

    def post(self) -> None:
        self.finish(self.get_body_argument("a", "") + repr(self.request.body))


class Pieces(RequestHandler):
    async def get(self) -> None:
        for piece in ("first", "other"):
            self.write(piece)
            await self.flush()

    head = get


class Odd(RequestHandler):
    def get(self, what: str) -> None:
        if what == "closes":
            self.set_header("Connection", "close")
        elif what == "reason":
            self.set_status(200, "Fine")
        elif what == "missing":
            raise HTTPError(404)
        elif what == "nothing":
            self.set_status(204)
        elif what == "fails":
            raise RuntimeError("the inside")
        elif what == "elsewhere":
            self.redirect("/echo")


class Length(RequestHandler):
    """An answer that is not as long as it says."""

    async def get(self, length: str) -> None:
        self.set_header("Content-Length", length)
        self.write("first")
        await self.flush()
        self.finish("other")


@stream_request_body
class Upload(RequestHandler):
    def prepare(self) -> None:
        self.size, self.pieces = 0, 0
        if self.request.headers.get("X-Refuse"):
            raise HTTPError(403)
        if most := self.request.headers.get("X-Most"):
            self.request.connection.set_max_body_size(int(most))  # type: ignore[union-attr]

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.size += len(chunk)

    def put(self) -> None:
        self.finish(str(self.size))

    def on_connection_close(self) -> None:
        super().on_connection_close()
        EVENTS.append("upload lost")


class Waits(RequestHandler):
    async def get(self) -> None:
        EVENTS.append("waiting")
        await asyncio.Event().wait()

    def on_connection_close(self) -> None:
        EVENTS.append("gone")


class Slow(RequestHandler):
    async def get(self) -> None:
        try:
            for _ in range(256):
                self.write(LARGE[:65536])
                await self.flush()
                EVENTS.append("flushed")
        except StreamClosedError:
            EVENTS.append("closed")
            raise


class Socket(WebSocketHandler):
    def open(self, *_: str, **__: str) -> None:
        self.write_message("hello")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        EVENTS.append("socket closed")


def application() -> Application:
    routes: list[tuple[Any, ...]] = [
        ("/echo", Echo),
        ("/pieces", Pieces),
        ("/odd/(.*)", Odd),
        ("/length/(.*)", Length),
        ("/upload", Upload),
        ("/waits", Waits),
        ("/slow", Slow),
        ("/socket", Socket),
    ]
    return Application(routes)


@asynccontextmanager
async def served(
    telemetry: Telemetry, delegate: HTTPServerConnectionDelegate | None = None, **limits: float
) -> AsyncIterator[tuple[Server, int]]:
    """An application on this server, and its port."""
    requests = TornadoRequests(delegate or application())
    server = Server(requests.receive, refusals_of(telemetry), Limits(**limits))  # type: ignore[arg-type]
    port = await server.listen(0, "127.0.0.1")
    yield server, port
    await server.stop()
    await server.close_all_connections()


@pytest.fixture(autouse=True)
def events() -> None:
    EVENTS.clear()


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[None]:
    """Uncaught exceptions, as the event loop reports them; the test fails if there are any."""
    found: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: found.append(said))
    yield
    assert not found


async def told(port: int, data: bytes) -> bytes:
    """All that is answered, without what no two answers have in common."""
    async with Client.of(port) as client:
        await client.send(data)
        received = await client.rest()
    return b"\r\n".join(line for line in received.split(b"\r\n") if not line.startswith(b"Date: "))


CLOSE = "Connection: close"
FORM = "Content-Type: application/x-www-form-urlencoded"
ALIKE = {
    "get": request("/echo?a=1&a=%20", "GET", None, "X-A: 1", "x-a: 2", CLOSE),
    "head": request("/echo", "HEAD", None, CLOSE),
    "form": request("/echo", "POST", b"a=%41", FORM, CLOSE),
    "pieces": request("/pieces", "GET", None, CLOSE),
    "head of pieces": request("/pieces", "HEAD", None, CLOSE),
    "pieces to HTTP/1.0": b"GET /pieces HTTP/1.0\r\n\r\n",
    "HTTP/1.0": b"GET /echo HTTP/1.0\r\n\r\n",
    "chunks": request("/echo", "POST", None, FORM, "Transfer-Encoding: chunked", CLOSE)
    + b"2\r\na=\r\n1\r\n7\r\n0\r\n\r\n",
    "upload": request("/upload", "PUT", b"x" * 1000, CLOSE),
    "expected upload": request("/upload", "PUT", b"x" * 1000, CLOSE, "Expect: 100-continue"),
    "pipeline": request("/echo")
    + request("/echo", "POST", b"a=1", FORM)
    + request("/pieces", "GET", None, CLOSE),
    "nowhere": request("/nowhere", "GET", None, CLOSE),
    "unknown method": request("/echo", "PROPFIND", None, CLOSE),
    "unsupported method": request("/pieces", "DELETE", None, CLOSE),
    **{
        what: request(f"/odd/{what}", "GET", None, CLOSE)
        for what in ("reason", "missing", "nothing", "fails", "elsewhere")
    },
}


def comparable(received: bytes) -> list[bytes]:
    """Heads have their lines in any order, and `100 (Continue)` is Tornado's alone."""
    plain = received.replace(b"100 (Continue)", b"100 Continue")
    return [b"\r\n".join(sorted(part.split(b"\r\n"))) for part in plain.split(b"\r\n\r\n")]


@pytest.mark.parametrize("data", ALIKE.values(), ids=ALIKE)
async def test_an_answer_is_that_of_tornados_own_server(telemetry: Telemetry, data: bytes) -> None:
    stock = HTTPServer(application())
    stock.listen(0, "127.0.0.1")
    (bound,) = (each.getsockname()[1] for each in stock._sockets.values())
    async with served(telemetry) as (_, port):
        expected, found = await told(bound, data), await told(port, data)
    stock.stop()
    assert found.count(b"HTTP/1.1 ") == expected.count(b"HTTP/1.1 ") > 0
    if b"HTTP/1.0" in data:  # Tornado does not tell it that the connection ends
        found = found.replace(b"Connection: close\r\n", b"")
    assert comparable(found) == comparable(expected)


async def test_an_application_ends_a_connection_by_saying_so(telemetry: Telemetry) -> None:
    async with served(telemetry) as (_, port):
        assert (await told(port, request("/odd/closes") + request("/echo"))).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("length", [4, 9, 11])
async def test_an_answer_of_another_length_than_it_says_is_cut_off(telemetry: Telemetry, length: int) -> None:
    async with served(telemetry) as (_, port):
        _, _, body = (await told(port, request(f"/length/{length}") + request("/echo"))).partition(
            b"\r\n\r\n"
        )
    assert b"firstother".startswith(body)
    assert len(body) <= length


@pytest.mark.parametrize("framing", ["Content-Length: 1001", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", ["/echo", "/upload"])
async def test_a_body_of_more_than_the_limit_is_refused(
    telemetry: Telemetry, path: str, framing: str
) -> None:
    body = b"x" * 1001 if "Length" in framing else b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    async with served(telemetry, body_bytes=1000) as (_, port):
        received = await told(port, request(path, "PUT", None, framing) + body)
        assert received.startswith(b"HTTP/1.1 413 ")
        assert b"application/problem+json" in received


async def test_a_handler_of_streamed_bodies_may_take_more(telemetry: Telemetry) -> None:
    async with served(telemetry, body_bytes=1000) as (_, port), Client.of(port) as client:
        sending = asyncio.create_task(
            client.send(request("/upload", "PUT", LARGE[: 1 << 20], f"X-Most: {1 << 20}"))
        )
        assert (await client.answer()).body == str(1 << 20).encode()
        await sending


async def test_a_handler_may_answer_before_the_body(telemetry: Telemetry) -> None:
    async with served(telemetry) as (_, port), Client.of(port) as client:
        await client.send(request("/upload", "PUT", b"x" * 1000, "X-Refuse: 1")[:-900])
        answer = await client.answer()
        assert (answer.status, answer.headers["Connection"]) == (403, "close")
        assert await client.rest() == b""


async def test_a_body_that_does_not_come_is_refused(telemetry: Telemetry) -> None:
    async with served(telemetry, stream_idle_seconds=0.05) as (_, port), Client.of(port) as client:
        await client.send(request("/upload", "PUT", b"x" * 1000)[:-900])
        assert (await client.answer()).status == 408
        assert await client.rest() == b""
    assert EVENTS == ["upload lost"]


async def test_a_malformed_body_is_refused(telemetry: Telemetry) -> None:
    async with served(telemetry) as (_, port), Client.of(port) as client:
        await client.send(request("/upload", "PUT", None, "Transfer-Encoding: chunked") + b"1;a=b\r\n")
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
        await until(lambda: EVENTS == ["upload lost"])


async def test_what_tornado_itself_refuses_is_a_problem(telemetry: Telemetry) -> None:
    """As its own server does, without a document."""
    async with served(telemetry) as (_, port):
        received = await told(port, request("/echo?" + "&".join(["a=1"] * 2000)))
        assert received.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in received


async def test_handlers_are_told_who_goes_away(telemetry: Telemetry) -> None:
    async with served(telemetry) as (server, port):
        async with Client.of(port) as client:
            await client.send(request("/waits"))
            await until(lambda: EVENTS == ["waiting"])
            client.reset()
        async with Client.of(port) as client:
            await client.send(request("/upload", "PUT", b"x" * 1000)[:-900])
            await until(
                lambda: any(
                    each.reader.received == b"" and each.reader.request for each in server.connections
                )
            )
            client.reset()
        await until(lambda: EVENTS == ["waiting", "gone", "upload lost"])


async def test_a_slow_reader_slows_the_handler(telemetry: Telemetry) -> None:
    async with served(telemetry) as (server, port):
        async with Client.of(port) as client:
            await client.send(request("/slow"))
            await until(lambda: any(not each.has_room for each in server.connections))
            assert len(EVENTS) < 200
            client.reset()
        await until(lambda: "closed" in EVENTS)


async def test_a_websocket(telemetry: Telemetry) -> None:
    async with served(telemetry) as (server, port):
        socket = await websocket_connect(f"ws://127.0.0.1:{port}/socket")
        assert await socket.read_message() == "hello"
        for message in ("one", b"two", LARGE[: 1 << 20]):
            await socket.write_message(message, binary=isinstance(message, bytes))
            assert await socket.read_message() == message
        assert not server.connections, "it is the application's"
        socket.close()
        await until(lambda: EVENTS == ["socket closed"])


UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAA",
)
#: A text frame of the client, "hi", whose mask is zero.
FRAME = b"\x81\x82\0\0\0\0hi"


async def test_a_websocket_behind_answers_that_are_read_late(telemetry: Telemetry) -> None:
    """The WebSocket's bytes come after the responses; bytes sent with its request belong to it."""
    async with served(telemetry) as (server, port), Client.of(port) as client:
        await until(lambda: server.connections)
        (connection,) = server.connections
        connection._transport.set_write_buffer_limits(1 << 30)  # so that much of them waits to be sent
        asked = request("/echo") * 2 + request("/slow") + request("/socket", "GET", None, *UPGRADE) + FRAME
        await client.send(asked)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert len((await client.answer()).body) == 256 * 65536
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Upgrade: websocket" in head
        assert await client.reader.readexactly(11) == b"\x81\x05hello\x81\x02hi"
        client.writer.write_eof()
        await until(lambda: "socket closed" in EVENTS)


async def test_an_application_is_told_that_a_connection_is_closed(telemetry: Telemetry) -> None:
    closed: list[object] = []

    class Told(Application):
        def on_close(self, server_conn: object) -> None:
            closed.append(server_conn)

    async with served(telemetry, Told([("/echo", Echo)])) as (server, port):
        async with Client.of(port) as client:
            await client.send(request("/echo") * 2)
            assert [(await client.answer()).status for _ in range(2)] == [200, 200]
            (connection,) = server.connections
        await until(lambda: closed)
    assert closed == [connection]


async def test_each_request_ends_once(telemetry: Telemetry) -> None:
    ended: list[None] = []
    requests = TornadoRequests(application(), lambda: ended.append(None))
    server = Server(requests.receive, refusals_of(telemetry))
    port = await server.listen(0, "127.0.0.1")
    ways: list[Callable[[Client], Any]] = [
        lambda client: client.send(request("/echo", "GET", None, CLOSE)),
        lambda client: client.send(request("/length/4")),
        lambda client: client.send(request("/upload", "PUT", b"x", "X-Refuse: 1")[:-1]),
    ]
    for count, send in enumerate(ways, 1):
        async with Client.of(port) as client:
            await send(client)
            await client.rest()
        await until(lambda: not server.connections)
        assert len(ended) == count
    async with Client.of(port) as client:
        await client.send(request("/waits"))
        await until(lambda: EVENTS[-1:] == ["waiting"])
        assert len(ended) == len(ways)
    await until(lambda: len(ended) == len(ways) + 1)
    await server.stop()
    await server.close_all_connections()
