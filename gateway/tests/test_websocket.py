"""WebSockets through the gateway: real services and clients on both sides, and how they end."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection, websocket_connect

from gateway.cors import Cors
from gateway.draining import DRAIN_SECONDS, drain
from gateway.service_client import HttpServiceClient, service
from gateway.tests.api import Api, answering, bearer, running
from gateway.tests.gateways import gateway
from gateway.tests.long_lived import Service, passed_through, port_of, routes, value_of
from gateway.tests.services import Asked, reply, until
from observability import Telemetry
from observability.http.server.tests.servers import Client
from observability.tests.telemetry import Lines, lines_of, spans_of

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = [
    "GET /chat HTTP/1.1",
    "Host: a",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
]
#: A frame with "hi", masked with zeroes.
HI = b"\x82\x82\0\0\0\0hi"


def handshake(*more: str, instead: tuple[str, str] = ("", "")) -> bytes:
    return "\r\n".join([*HANDSHAKE, *more, "", ""]).replace(*instead).encode()


async def connect(
    api: Api, query: str = "", headers: dict[str, str] | None = None, **options: object
) -> WebSocketClientConnection:
    request = HTTPRequest(f"ws://127.0.0.1:{port_of(api)}/chat{query}", headers=HTTPHeaders(headers or {}))
    return await websocket_connect(request, **options)  # type: ignore[arg-type]


async def refused(api: Api, query: str = "", headers: dict[str, str] | None = None) -> HTTPClientError:
    with pytest.raises(HTTPClientError) as caught:
        await connect(api, query, headers)
    return caught.value


def ends(api: Api, reason: str) -> float:
    return value_of(api, "long_lived_ends", route="chat", kind="websocket", reason=reason)


async def ended(api: Api, reason: str) -> None:
    """Wait until the one connection has ended, and nothing of it is left."""
    await until(lambda: ends(api, reason) == 1)
    await until(lambda: not api.pipeline.in_flight.count)
    service_client = api.context.service_client
    assert isinstance(service_client, HttpServiceClient)
    await until(lambda: not api.front.connections)
    await until(lambda: not any(pool._connections for pool in service_client._client._pools.values()))
    remembered = service_client._services.by_name["orders"]
    held = remembered.bulkhead.in_flight, remembered.streams.in_flight, remembered.long_lived.in_flight
    assert (held, len(api.context.long_lived)) == ((0, 0, 0), 0)
    assert value_of(api, "long_lived", route="chat", kind="websocket") == 0


def of_chat(lines: Lines) -> list[Any]:
    """The access lines of the route, and none that another test's request is late with."""
    return [record for record, _ in lines.lines if getattr(record, "route", None) == "/chat"]


async def test_messages_pass_both_ways(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = spans_of(telemetry, monkeypatch)
    with lines_of("access") as lines:
        async with passed_through(telemetry, tmp_path, routes()) as (api, service):
            client = await connect(api, "?room=7", subprotocols=["chat.v2"], compression_options={})
            assert client.selected_subprotocol == "chat.v2"
            for message in ("hello", b"\0" * 100_000, "ü"):
                await client.write_message(message, binary=isinstance(message, bytes))
                assert await client.read_message() == message
            assert value_of(api, "long_lived", route="chat", kind="websocket") == 1
            assert not of_chat(lines)
            client.close(4001, "done")
            await ended(api, "service")  # the server closes first, once both have said why
            (chat,) = service.open
            assert (chat.close_code, chat.close_reason) == (4001, "done")
            request = chat.request
    assert (request.uri, request.headers["X-Platform-Credential"]) == ("/chat?room=7", "secret")
    (server,) = (span for span in spans.get_finished_spans() if span.name == "GET /chat")
    attributes = dict(server.attributes or {})
    assert attributes["http.response.status_code"] == 101
    assert attributes["gateway.end_reason"] == "service"
    assert [event.name for event in server.events] == ["gateway.opened"]
    (line,) = of_chat(lines)
    assert (line.status, line.end_reason) == (101, "service")
    assert line.bytes_to_client > 0
    assert line.bytes_to_service == attributes["gateway.bytes_to_service"] > 0


async def test_the_service_closes_and_says_why(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, service):
        client = await connect(api)
        await until(lambda: service.open)
        service.open[0].close(1001, "going away")
        assert await client.read_message() is None
        assert (client.close_code, client.close_reason) == (1001, "going away")
        await until(lambda: ends(api, "service") + ends(api, "client") == 1)  # they race to close it


async def test_a_refused_handshake_is_the_services_answer(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, _):
        error = await refused(api, "?refuse=1")
        assert error.code == 403
        assert error.response is not None
        assert b"Not you" in error.response.body
        old = await connect_raw(api, handshake(instead=("Version: 13", "Version: 7")))
        assert old.startswith(b"HTTP/1.1 426 ")
        await until(lambda: not api.pipeline.in_flight.count)
    assert sum(ends(api, reason) for reason in ("client", "service")) == 0


async def connect_raw(api: Api, sent: bytes) -> bytes:
    async with Client.of(port_of(api)) as client:
        await client.send(sent)
        async with asyncio.timeout(20):
            return await client.reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("https://shop.example", 101),
        ("http://a", 101),
        ("https://evil.example", 403),
        ("http://a:8080", 403),
        ("https://shop.example.evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_pages_of_other_origins_open_none(
    telemetry: Telemetry, tmp_path: Path, origin: str | None, status: int
) -> None:
    cors = Cors(["https://shop.example"])
    async with passed_through(telemetry, tmp_path, routes(), cors) as (api, service):
        head = await connect_raw(api, handshake(*([f"Origin: {origin}"] if origin else [])))
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert bool(service.requests or service.open) is (status == 101)


async def test_who_may_ask_is_decided_as_for_any_request(telemetry: Telemetry, tmp_path: Path) -> None:
    options = "auth: required\n    rate_limit: {requests: 2, seconds: 3600}"
    async with passed_through(telemetry, tmp_path, routes(options=options)) as (api, service):
        assert (await refused(api)).code == 401
        good = bearer(sub="ada")
        for _ in range(2):
            (await connect(api, headers=good)).close()
        assert (await refused(api, headers=good)).code == 429
        assert [each.request.headers["X-User-Id"] for each in service.open] == ["ada", "ada"]


async def test_a_route_that_declares_none_passes_no_upgrade_on(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, _):
        answered = await connect_raw(api, handshake(instead=("/chat", "/plain")))
        assert answered.startswith(b"HTTP/1.1 400 ")
        old = await connect_raw(api, handshake(instead=("HTTP/1.1", "HTTP/1.0")))
        assert old.startswith(b"HTTP/1.1 400 ")  # RFC 9110, 7.8: of HTTP/1.0 an upgrade is ignored


def saying(head: bytes) -> Callable[[Asked, asyncio.StreamWriter], object]:
    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head)

    return behave


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ],
    ids=["no accept", "another accept", "another protocol"],
)
async def test_what_is_no_handshake_is_not_passed_through(
    telemetry: Telemetry, tmp_path: Path, head: bytes
) -> None:
    async with running(telemetry, tmp_path, routes(), answering({"/chat": head})) as api:
        assert (await connect_raw(api, handshake())).startswith(b"HTTP/1.1 502 ")
        await until(lambda: not api.pipeline.in_flight.count)


@pytest.mark.parametrize("framing", [b"Content-Length: 4", b"Transfer-Encoding: chunked"])
async def test_a_switch_has_no_length(telemetry: Telemetry, tmp_path: Path, framing: bytes) -> None:
    """The bytes behind the head are the WebSocket's, whatever the service's headers say."""
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%b\r\n\r\n\x82\x02hi" % framing
    )
    async with (
        running(telemetry, tmp_path, routes(), answering({"/chat": head})) as api,
        Client.of(port_of(api)) as client,
    ):
        await client.send(handshake())
        async with asyncio.timeout(20):
            passed = await client.reader.readuntil(b"\r\n\r\n")
            assert passed.startswith(b"HTTP/1.1 101 ")
            assert framing.partition(b":")[0] not in passed
            assert await client.reader.readexactly(4) == b"\x82\x02hi"
        api.context.long_lived.end_all()
        await until(lambda: not api.pipeline.in_flight.count)


async def test_a_switch_that_was_not_asked_for_is_none(telemetry: Telemetry, tmp_path: Path) -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    async with running(telemetry, tmp_path, routes(), answering({"/chat": head})) as api:
        assert (await api.get("/chat")).status_code == 502
        assert (await api.get("/plain")).status_code == 502


async def test_what_is_sent_with_the_handshake_is_not_lost(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, _), Client.of(port_of(api)) as client:
        await client.send(handshake() + HI)
        async with asyncio.timeout(20):
            await client.reader.readuntil(b"\r\n\r\n")
            assert await client.reader.readexactly(4) == b"\x82\x02hi"


@asynccontextmanager
async def opened(api: Api, service: Service) -> AsyncIterator[Client]:
    """A client that reads and writes as slowly as the test does."""
    async with Client.of(port_of(api)) as client:
        await client.send(handshake())
        async with asyncio.timeout(20):
            head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        await until(lambda: service.open)
        yield client


def tunnel_of(api: Api):  # type: ignore[no-untyped-def]
    (tunnel,) = api.context.long_lived._open
    return tunnel


async def settled(value: Callable[[], int]) -> int:
    """The value of a number once it has not changed for a while."""
    before = -1
    while (now := value()) != before:
        before = now
        await asyncio.sleep(0.3)
    return now


MESSAGE = b"x" * 65536


async def test_a_slow_client_holds_the_service(telemetry: Telemetry, tmp_path: Path) -> None:
    async with (
        passed_through(telemetry, tmp_path, routes()) as (api, service),
        opened(api, service) as client,
    ):
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(400):
                await service.open[0].write_message(MESSAGE, binary=True)
                sent += 1

        sending = asyncio.create_task(send())
        await settled(lambda: sent)
        assert not sending.done()
        assert tunnel_of(api)._client.unsent_bytes < 512 * 1024
        size = 0
        async with asyncio.timeout(60):
            while size < 400 * (len(MESSAGE) + 10):
                size += len(await client.reader.read(1 << 20))
        await sending


async def test_a_slow_service_holds_the_client(telemetry: Telemetry, tmp_path: Path) -> None:
    async with (
        passed_through(telemetry, tmp_path, routes()) as (api, service),
        opened(api, service) as client,
    ):
        service.reading.clear()
        frame = b"\x82\xff" + len(MESSAGE).to_bytes(8, "big") + bytes(4) + MESSAGE

        async def send() -> None:
            for _ in range(400):
                client.writer.write(frame)
                await client.writer.drain()

        async def read() -> None:
            while await client.reader.read(1 << 20):
                pass

        sending, reading = asyncio.create_task(send()), asyncio.create_task(read())
        await settled(lambda: tunnel_of(api)._client.received_bytes)
        assert not sending.done()
        assert tunnel_of(api)._service.unsent_bytes < 512 * 1024
        service.reading.set()
        async with asyncio.timeout(60):
            await sending
            await until(lambda: len(service.received) == 400)
        reading.cancel()


async def test_a_client_that_vanishes(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, service):
        async with opened(api, service) as client:
            client.reset()
        await until(lambda: service.closed)
        await ended(api, "client")


async def test_a_service_that_dies(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, service):
        async with opened(api, service) as client:
            service.open[0].ws_connection.stream.close()  # type: ignore[union-attr]
            assert await client.rest() == b""
        await ended(api, "service")


async def test_one_on_which_nothing_passes_is_closed(telemetry: Telemetry, tmp_path: Path) -> None:
    text = routes(limits="{idle_seconds: 0.4}")
    async with passed_through(telemetry, tmp_path, text) as (api, service):
        async with opened(api, service) as client:
            assert await client.rest() == b""
        await until(lambda: service.closed)
        await ended(api, "idle")


async def test_one_on_which_something_passes_is_not(telemetry: Telemetry, tmp_path: Path) -> None:
    text = routes(limits="{idle_seconds: 2}")
    async with passed_through(telemetry, tmp_path, text) as (api, service), opened(api, service):
        loop = asyncio.get_running_loop()
        until_then = loop.time() + 4
        while loop.time() < until_then:
            service.open[0].ping(b"there?")
            await asyncio.sleep(0.2)
        assert len(api.context.long_lived) == 1


async def test_one_that_has_lasted_long_enough_is_closed(telemetry: Telemetry, tmp_path: Path) -> None:
    text = routes(limits="{idle_seconds: 0.5, life_seconds: 0.5}")
    async with passed_through(telemetry, tmp_path, text) as (api, service):
        async with opened(api, service) as client:
            service.open[0].write_message("last words")
            assert b"last words" in await client.rest()
        await until(lambda: ends(api, "life") + ends(api, "idle") == 1)


async def test_a_stop_ends_them_all_in_order(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, service):
        clients = [await connect(api) for _ in range(20)]
        await until(lambda: len(service.open) == 20)
        for each in service.open:
            each.write_message("last words")
        tunnels = list(api.context.long_lived._open)
        await until(lambda: all(each._service.received_bytes for each in tunnels))  # type: ignore[attr-defined]
        assert await drain(api.front, api.pipeline, telemetry, grace_seconds=0)
        for client in clients:
            assert await client.read_message() == "last words"
            assert await client.read_message() is None
        await until(lambda: service.closed == 20)
        assert ends(api, "stop") == 20


async def test_there_are_so_many_at_once(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_LONG_LIVED", 1)
    async with passed_through(telemetry, tmp_path, routes()) as (api, behind):
        client = await connect(api)
        error = await refused(api)
        assert (error.code, error.response and error.response.headers["Retry-After"]) == (503, "1")
        assert json.loads(error.response.body)["title"]  # type: ignore[union-attr]
        await until(lambda: len(behind.open) == 2 and behind.closed == 1)
        client.close()
        await until(lambda: not len(api.context.long_lived))
        await connect(api)


async def test_an_ordinary_answer_of_the_route_is_passed_on(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, routes(), answering({"/chat": reply(200, b"{}")})) as api:
        assert (await api.get("/chat")).content == b"{}"
        assert (await connect_raw(api, handshake())).startswith(b"HTTP/1.1 200 ")


async def test_a_process_that_stops_ends_what_is_open(tmp_path: Path) -> None:
    """A whole gateway, on its own event loop: large messages, many connections, then SIGTERM."""
    behind = Service()
    async with behind.running() as url, gateway(tmp_path, url, routes=routes()) as process:
        request = HTTPRequest(f"ws://127.0.0.1:{process.ports[0]}/chat")
        clients = [await websocket_connect(request) for _ in range(20)]
        await clients[0].write_message(b"x" * 5_000_000, binary=True)
        assert await clients[0].read_message() == b"x" * 5_000_000
        async with (
            httpx.AsyncClient(trust_env=False, timeout=30) as client,
            client.stream("GET", process.url("/news")) as answer,
        ):
            events = answer.aiter_text()
            behind.events.put_nowait("data: 1\n\n")
            assert await anext(events) == "data: 1\n\n"
            process.process.send_signal(signal.SIGTERM)
            with pytest.raises(StopAsyncIteration):
                await anext(events)
        for each in clients:
            assert await each.read_message() is None
        assert await asyncio.to_thread(process.process.wait, DRAIN_SECONDS) == 0
        await until(lambda: behind.closed == 21)
