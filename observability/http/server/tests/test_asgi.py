"""ASGI applications: what they are told of requests, and what becomes of their answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tornado.httputil import HTTPHeaders

from observability import Telemetry
from observability.http.server import Limits, Server, asgi
from observability.http.server.asgi import AsgiRequests
from observability.http.server.tests.servers import Client, refusals_of, request, until

PIECE = b"x" * 65536
CLOSE = "Connection: close"
CHUNKED = "Transfer-Encoding: chunked"

Headers = list[tuple[bytes, bytes]]


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[None]:
    """Uncaught exceptions, as the event loop reports them; the test fails if there are any."""
    found: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: found.append(said))
    yield
    assert not found


@asynccontextmanager
async def served(
    telemetry: Telemetry, application: ASGIApp, requests: AsgiRequests | None = None, **limits: float
) -> AsyncIterator[tuple[Server, int]]:
    """An application on this server, and its port."""
    requests = requests or AsgiRequests(application)
    server = Server(requests.receive, refusals_of(telemetry), Limits(**limits))  # type: ignore[arg-type]
    port = await server.listen(0, "127.0.0.1")
    yield server, port
    await server.stop()
    await server.close_all_connections()
    await requests.drain(10)


async def told(port: int, data: bytes) -> bytes:
    """All that is answered until the connection ends."""
    async with Client.of(port) as client:
        await client.send(data)
        return await client.rest()


async def start(send: Send, status: int = 200, headers: Headers | None = None) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})


async def write(send: Send, body: bytes = b"", *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was told of the request."""
    message = await receive()
    shown = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "version": scope["http_version"],
        "client": scope["client"][0],
        "server": scope["server"],
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": message["body"].decode("latin-1"),
        "more": message["more_body"],
    }
    body = json.dumps(shown).encode()
    await start(send, 200, [(b"content-length", str(len(body)).encode()), (b"x-kind", b"echo")])
    await write(send, body)


async def test_an_application_is_told_what_was_asked(telemetry: Telemetry) -> None:
    async with served(telemetry, echo) as (_, port), Client.of(port) as client:
        await client.send(request("/a%2Fb/%C3%A9?c=%20", "PUT", b"\xe9", "X-A: 1"))
        answer = await client.answer()
    shown = json.loads(answer.body)
    assert (shown["method"], shown["version"]) == ("PUT", "1.1")
    assert (shown["path"], shown["raw_path"]) == ("/a/b/é", "/a%2Fb/%C3%A9")
    assert (shown["query"], shown["client"], shown["server"]) == ("c=%20", "127.0.0.1", ["a", 80])
    assert ["x-a", "1"] in shown["headers"]
    assert all(name == name.lower() for name, _ in shown["headers"])
    assert (shown["body"], shown["more"]) == ("\xe9", False)
    assert (answer.headers["X-Kind"], len(answer.headers.get_list("Date"))) == ("echo", 1)


async def test_the_host_may_name_a_port(telemetry: Telemetry) -> None:
    asked = request("/", "GET", None, CLOSE).replace(b"Host: a", b"Host: [::1]:8200")
    async with served(telemetry, echo) as (_, port):
        received = await told(port, asked)
    assert json.loads(received.partition(b"\r\n\r\n")[2])["server"] == ["[::1]", 8200]


@pytest.mark.parametrize("port", ["1" * 5000, "", "x"], ids=["many digits", "none", "a letter"])
def test_a_host_with_another_port_is_told_as_it_is(port: str) -> None:
    scope = asgi._scope("1.1", "GET", "/", HTTPHeaders({"Host": f"a:{port}"}), "127.0.0.1")
    assert scope["server"] == (f"a:{port}", 80)


async def test_requests_of_one_connection_are_answered_in_order(telemetry: Telemetry) -> None:
    async with served(telemetry, echo) as (_, port), Client.of(port) as client:
        await client.send(b"".join(request(f"/{n}", "POST", b"b" * n) for n in range(3)))
        shown = [json.loads((await client.answer()).body) for _ in range(3)]
    assert [(one["path"], len(one["body"])) for one in shown] == [("/0", 0), ("/1", 1), ("/2", 2)]


async def test_a_body_in_chunks_comes_whole(telemetry: Telemetry) -> None:
    asked = request("/", "POST", None, CHUNKED)
    async with served(telemetry, echo) as (_, port), Client.of(port) as client:
        await client.send(asked + b"2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n")
        assert json.loads((await client.answer()).body)["body"] == "abc"


@pytest.mark.parametrize("framing", ["Content-Length: 1001", CHUNKED])
async def test_a_body_of_more_than_the_limit_is_refused(telemetry: Telemetry, framing: str) -> None:
    body = b"x" * 1001 if "Length" in framing else b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    async with served(telemetry, echo_whole, body_bytes=1000) as (_, port):
        received = await told(port, request("/", "PUT", None, framing) + body)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in received


async def echo_whole(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body; leaves where there is none."""
    message = await receive()
    if message["type"] == "http.request":
        await start(send)
        await write(send, message["body"])


async def test_a_body_is_asked_for_once_the_application_wants_it(telemetry: Telemetry) -> None:
    async def choosy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/refused":
            await start(send, 403)
            await write(send)
        else:
            await echo_whole(scope, receive, send)

    asked = "Expect: 100-continue", "Content-Length: 2"
    async with served(telemetry, choosy) as (_, port):
        async with Client.of(port) as client:
            await client.send(request("/", "PUT", None, *asked))
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"ab")
            assert (await client.answer()).body == b"ab"
        assert (await told(port, request("/refused", "PUT", None, *asked))).startswith(b"HTTP/1.1 403 ")


async def pieces(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    for piece in (b"first", b"", b"other"):
        await write(send, piece, more=True)
    await write(send)


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        (request("/", "GET", None, CLOSE), b"5\r\nfirst\r\n5\r\nother\r\n0\r\n\r\n"),
        (b"GET / HTTP/1.0\r\n\r\n", b"firstother"),
        (request("/", "HEAD", None, CLOSE), b""),
    ],
    ids=["HTTP/1.1", "HTTP/1.0", "HEAD"],
)
async def test_an_answer_in_pieces(telemetry: Telemetry, asked: bytes, body: bytes) -> None:
    async with served(telemetry, pieces) as (_, port):
        head, _, received = (await told(port, asked)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received == body


async def endless(_scope: Scope, receive: Receive, send: Send, seen: list[Message]) -> None:
    """Goes on answering until it is told that nothing is sent any more."""

    async def flow() -> None:
        while True:
            await write(send, PIECE, more=True)
            await asyncio.sleep(0)

    await receive()
    await start(send)
    flowing = asyncio.create_task(flow())
    seen.append(await receive())
    flowing.cancel()


async def test_an_answer_without_end_to_a_head_ends(telemetry: Telemetry) -> None:
    seen: list[Message] = []
    async with (
        served(telemetry, lambda *asked: endless(*asked, seen)) as (_, port),
        Client.of(port) as client,
    ):
        await client.send(request("/", "HEAD"))
        assert (await client.answer("HEAD")).status == 200
        await until(lambda: seen == [{"type": "http.disconnect"}])
        assert client.reader.at_eof() is False, "the connection goes on"


async def test_a_slow_reader_slows_the_application(telemetry: Telemetry) -> None:
    sent = 0

    async def flood(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal sent
        await start(send)
        for _ in range(256):
            await write(send, PIECE, more=True)
            sent += 1
        await write(send)

    async with served(telemetry, flood) as (server, port), Client.of(port) as client:
        await client.send(request("/", "GET", None))
        await until(lambda: any(not each.has_room for each in server.connections))
        assert sent < 200
        assert len((await client.answer()).body) == 256 * len(PIECE)


async def test_an_application_is_told_who_goes_away(telemetry: Telemetry) -> None:
    seen: list[Message] = []
    async with served(telemetry, lambda *asked: endless(*asked, seen)) as (_, port):
        async with Client.of(port) as client:
            await client.send(request("/"))
            await client.reader.readexactly(1)
            client.reset()
        await until(lambda: seen == [{"type": "http.disconnect"}])


async def test_an_application_is_told_who_goes_away_within_a_body(telemetry: Telemetry) -> None:
    seen: list[Message] = []

    async def wanting(_scope: Scope, receive: Receive, _send: Send) -> None:
        seen.append(await receive())

    async with served(telemetry, wanting) as (server, port):
        async with Client.of(port) as client:
            await client.send(request("/", "PUT", b"x" * 1000)[:-900])
            await until(lambda: any(each.reader.request for each in server.connections))
            client.reset()
        await until(lambda: seen == [{"type": "http.disconnect"}])


async def fails(*_: object) -> None:
    raise RuntimeError("the inside")


async def fails_late(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await write(send, b"first", more=True)
    raise RuntimeError("the inside")


async def says_nothing(*_: object) -> None:
    pass


async def stops_within(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await write(send, b"first", more=True)


async def too_long(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, [(b"content-length", b"5")])
    await write(send, b"firstother")


async def splits_headers(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, [(b"x-a", b"1\r\nx-b: 2")])
    await write(send, b"")


@pytest.mark.parametrize("application", [fails, splits_headers])
async def test_a_failure_before_the_answer_is_a_500(
    telemetry: Telemetry, application: Callable[[Scope, Receive, Send], Awaitable[None]]
) -> None:
    async with served(telemetry, application) as (_, port), Client.of(port) as client:
        await client.send(request("/") * 2)
        for answer in (await client.answer(), await client.answer()):
            assert (answer.status, answer.headers["Content-Type"]) == (500, "application/problem+json")
            assert b"the inside" not in answer.body


@pytest.mark.parametrize("application", [fails_late, says_nothing, stops_within, too_long])
async def test_an_answer_that_is_not_completed_is_cut_off(
    telemetry: Telemetry, application: Callable[[Scope, Receive, Send], Awaitable[None]]
) -> None:
    async with served(telemetry, application) as (_, port):
        received = await told(port, request("/") * 2)
    assert received.count(b"HTTP/1.1") <= 1
    assert b"0\r\n\r\n" not in received


async def test_draining_waits_for_what_is_in_progress(telemetry: Telemetry) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waits(_scope: Scope, _receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await start(send, 204)
        await write(send)

    requests = AsgiRequests(waits)
    async with served(telemetry, waits, requests) as (_, port), Client.of(port) as client:
        await client.send(request("/"))
        await begun.wait()
        await requests.drain(0.01)
        draining = asyncio.create_task(requests.drain(60))
        await asyncio.sleep(0)
        assert not draining.done()
        go_on.set()
        await draining
        assert (await client.answer()).status == 204
