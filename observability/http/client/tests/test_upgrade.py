"""Connections whose protocol is switched: the client asks for it, and the server does it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from observability import Telemetry
from observability.http.client import Client, Malformed, Streamed
from observability.http.client.tests.servers import Peer, Server, answering, serving, until
from observability.http.server.tests.servers import Asked, fronted
from observability.http.server.tests.servers import Client as Caller
from observability.settings import Settings

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\nX-A: 1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.close()


@pytest.fixture(scope="module")
def telemetry() -> Telemetry:
    return Telemetry(Settings.from_env("server", {}))


async def switch(peer: Peer) -> None:
    """Switch to an echo, of which the first bytes come with the head."""
    await peer.request()
    await peer.send(SWITCH + b"hello ")
    while piece := await peer.reader.read(65536):
        await peer.send(piece)


def asking(client: Client, server: Server):  # type: ignore[no-untyped-def]
    return client.stream(server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10, upgrade="echo")


async def test_the_server_is_asked_to_switch(client: Client) -> None:
    heads = []

    async def exchange(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        await peer.send(SWITCH)
        await peer.gone()

    async with serving(exchange) as server:
        async with asking(client, server) as answer:
            assert (answer.status, answer.headers.get("X-A")) == (101, "1")
            assert answer.raw is not None
        assert b"\r\nConnection: Upgrade\r\nUpgrade: echo\r\n" in heads[0]
        await until(lambda: not client._pools)


async def test_a_server_that_does_not_switch_answers_as_ever(client: Client) -> None:
    async with serving(answering(OK)) as server:
        for _ in range(2):
            async with asking(client, server) as answer:
                assert (answer.status, answer.raw) == (200, None)
                assert [piece async for piece in answer.chunks()] == [b"ok"]
        assert server.connections == 1


@pytest.mark.parametrize("head", [SWITCH, SWITCH.replace(b"Connection: upgrade\r\n", b"")])
async def test_a_switch_that_was_not_asked_for_is_malformed(client: Client, head: bytes) -> None:
    asked = 0

    async def exchange(peer: Peer) -> None:
        nonlocal asked
        while True:
            await peer.request()
            asked += 1
            await peer.send(OK if asked == 1 else head + (b"" if head is SWITCH else b"\0"))

    async with serving(exchange) as server:
        async with asking(client, server):
            pass
        with pytest.raises(Malformed):
            await client.request(server.origin, "GET", "/", [], timeout_seconds=10)


async def test_a_caller_that_gives_up_closes_the_connection(client: Client) -> None:
    left = asyncio.Event()

    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.gone()
        left.set()

    async def ask(server: Server) -> None:
        async with asking(client, server):
            pass

    async with serving(exchange) as server:
        task = asyncio.create_task(ask(server))
        await until(lambda: server.connections)
        task.cancel()
        await asyncio.wait([task])
        async with asyncio.timeout(10):
            await left.wait()


async def test_bytes_pass_between_two_of_them(client: Client, telemetry: Telemetry) -> None:
    """Bytes sent behind either head are not lost, and the end of one side is reported to the other."""
    ended: list[object] = []
    kept: list[Streamed] = []

    async with serving(switch) as server:

        async def behave(asked: Asked) -> None:
            async with asking(client, server) as answer:
                assert answer.raw is not None
                kept.append(answer)
                here = asked.wire.switch([("Upgrade", "echo"), ("Connection", "upgrade")])
                over = asyncio.get_running_loop().create_future()
                here.join(answer.raw, lambda side: over.done() or over.set_result(side))
                ended.append((await over) is here)
                here.close()

        async with fronted(telemetry, behave) as running, Caller.of(running.port) as caller:
            await caller.send(UPGRADE + b"early")
            async with asyncio.timeout(10):
                head = await caller.reader.readuntil(b"\r\n\r\n")
                assert head == SWITCH.replace(b"X-A: 1\r\n", b"")
                assert await caller.reader.readexactly(11) == b"hello early"
                caller.writer.write(b"x" * 1_000_000)
                size = 0
                while size < 1_000_000:
                    size += len(await caller.reader.read(65536))
            assert kept[0].raw is not None
            assert kept[0].raw.received_bytes == 1_000_011
            caller.reset()
            await until(lambda: ended)
            assert ended == [True]
            await until(lambda: not running.front.connections and not client._pools)
