"""Connections: kept, shared, waited for, repeated on, timed out, given up."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from observability.http.client import (
    Client,
    ConnectFailed,
    ConnectionLost,
    Exhausted,
    Limits,
    Origin,
    Response,
    TimedOut,
)
from observability.http.client.pool import Pool
from observability.http.client.tests.servers import Peer, Server, answering, serving, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client(Limits(connections_per_origin=2, waiting_per_origin=8, connect_seconds=5))
    yield client
    await client.close()


async def ask(
    client: Client, server: Server, method: str = "GET", target: str = "/", seconds: float = 10
) -> Response:
    return await client.request(server.origin, method, target, [], timeout_seconds=seconds)


async def hang(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


class Gate:
    """Answers only after it was opened; keeps the targets in the order they came."""

    def __init__(self, release: asyncio.Event) -> None:
        self._release = release
        self.targets: list[str] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            self.targets.append(head.split()[1].decode())
            await self._release.wait()
            await peer.send(OK)


async def test_connections_are_bounded_and_callers_are_served_in_their_order(client: Client) -> None:
    opened = asyncio.Event()
    gate = Gate(opened)
    async with serving(gate) as server:
        calls = [asyncio.create_task(ask(client, server, target=f"/{number}")) for number in range(10)]
        await until(lambda: len(gate.targets) == 2)
        opened.set()
        assert [response.status for response in await asyncio.gather(*calls)] == [200] * 10
        assert server.connections == 2
        assert sorted(gate.targets[:2]) == ["/0", "/1"]
        # Two connections may overtake each other by one place, nobody by more.
        order = [int(target[1:]) for target in gate.targets]
        assert all(abs(place - number) <= 1 for place, number in enumerate(order))


async def test_no_more_callers_wait_than_allowed(client: Client) -> None:
    opened = asyncio.Event()
    gate = Gate(opened)
    async with serving(gate) as server:
        calls = [asyncio.create_task(ask(client, server)) for _ in range(10)]
        await until(lambda: len(gate.targets) == 2)
        with pytest.raises(Exhausted) as caught:
            await ask(client, server)
        assert not caught.value.sent
        opened.set()
        await asyncio.gather(*calls)


async def test_waiting_for_a_connection_ends_in_time_and_sends_nothing(client: Client) -> None:
    opened = asyncio.Event()
    gate = Gate(opened)
    async with serving(gate) as server:
        calls = [asyncio.create_task(ask(client, server)) for _ in range(2)]
        await until(lambda: len(gate.targets) == 2)
        with pytest.raises(TimedOut) as caught:
            await ask(client, server, seconds=0.05)
        assert not caught.value.sent
        opened.set()
        await asyncio.gather(*calls)
        assert len(gate.targets) == 2
        assert (await ask(client, server)).status == 200


async def test_a_cancelled_caller_closes_its_connection_and_the_next_in_line_opens_one(
    client: Client,
) -> None:
    opened = asyncio.Event()
    gate = Gate(opened)
    async with serving(gate) as server:
        busy = [asyncio.create_task(ask(client, server)) for _ in range(2)]
        await until(lambda: len(gate.targets) == 2)
        left = asyncio.create_task(ask(client, server, target="/left"))
        waiting = asyncio.create_task(ask(client, server, target="/waiting"))
        await asyncio.sleep(0)
        left.cancel()
        busy[0].cancel()
        await asyncio.wait([left, busy[0]])
        assert left.cancelled()
        assert busy[0].cancelled()
        await until(lambda: server.connections == 3)
        opened.set()
        assert (await waiting).status == 200
        await busy[1]
        assert "/left" not in gate.targets


async def test_cancelling_right_after_the_answer_leaves_the_connection_to_others(client: Client) -> None:
    async with serving(answering(OK)) as server:
        for _ in range(50):
            first = asyncio.create_task(ask(client, server))
            first.add_done_callback(lambda _: None)
            while not first.done():
                await asyncio.sleep(0)
                if any(pool._idle for pool in client._pools.values()):  # answered, not yet awake
                    first.cancel()
                    break
            second = asyncio.create_task(ask(client, server))
            await asyncio.wait([first])
            assert (await second).body == b"ok"


async def test_the_last_used_connection_is_the_next_and_the_others_grow_old() -> None:
    client = Client(Limits(idle_seconds=1))
    gone: list[int] = []
    used: list[int] = []
    both = asyncio.Barrier(2)

    async def exchange(peer: Peer) -> None:
        await peer.request()
        await both.wait()
        await peer.send(OK)
        while data := await peer.reader.read(65536):
            used.append(peer.number)
            assert data.startswith(b"GET")
            await peer.send(OK)
        gone.append(peer.number)

    async with serving(exchange) as server:
        await asyncio.gather(ask(client, server), ask(client, server))
        while not gone:
            await ask(client, server)
            await asyncio.sleep(0.01)
        assert len(set(used)) == 1
        assert gone[0] not in used
        await until(lambda: len(gone) == 2)
        await client.close()


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """A pool of one connection to a server that waits for requests."""
    async with serving(hang) as server:
        pool = Pool(server.origin, Limits(connections_per_origin=1), None, None, lambda: None)
        yield pool
        pool.close()


async def test_a_caller_who_leaves_when_served_gives_the_connection_back(pool: Pool) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    connection = await pool.acquire(deadline)
    waiting = asyncio.create_task(pool.acquire(deadline))
    await asyncio.sleep(0)
    pool._release(connection)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert pool.take() is connection


async def test_a_caller_who_leaves_when_allowed_to_connect_gives_the_place_back(pool: Pool) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    connection = await pool.acquire(deadline)
    waiting = asyncio.create_task(pool.acquire(deadline))
    await asyncio.sleep(0)
    connection.discard()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not (await pool.acquire(deadline)).closed


async def test_a_fresh_connection_takes_the_place_of_the_oldest_idle_one(pool: Pool) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    connection = await pool.acquire(deadline)
    pool._release(connection)
    fresh = await pool.acquire(deadline, fresh=True)
    assert fresh is not connection
    assert connection.closed
    assert not fresh.closed


# -- stale connections


class Stale:
    """Answers the first request of each of the first `count` connections and closes them on the second."""

    def __init__(self, count: int, partial: bytes = b"", *, reset: bool = False) -> None:
        self._count = count
        self._reset = reset
        self._partial = partial
        self.requests = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.request()
            self.requests += 1
            if self.requests > 1 and peer.number < self._count:
                if self._partial:
                    await peer.send(self._partial)
                if self._reset:
                    peer.reset()
                return
            await peer.send(OK)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_an_idempotent_request_on_a_stale_connection_is_repeated_once(
    client: Client, method: str
) -> None:
    stale = Stale(1)
    async with serving(stale) as server:
        await ask(client, server)
        assert (await ask(client, server, method)).status == 200
        assert (server.connections, stale.requests) == (2, 3)


async def test_a_reset_of_a_stale_connection_is_its_end_too(client: Client) -> None:
    stale = Stale(1, reset=True)
    async with serving(stale) as server:
        await ask(client, server)
        assert (await ask(client, server)).status == 200
        assert (server.connections, stale.requests) == (2, 3)


async def test_a_repetition_that_finds_no_server_was_sent_all_the_same(client: Client) -> None:
    async with serving(Stale(1)) as server:
        await ask(client, server)
        server.listener.close()
        with pytest.raises(ConnectFailed) as caught:
            await ask(client, server)
        assert caught.value.sent


async def test_it_is_not_repeated_a_second_time(client: Client) -> None:
    stale = Stale(2)
    async with serving(stale) as server:
        await ask(client, server)
        with pytest.raises(ConnectionLost) as caught:
            await ask(client, server)
        assert caught.value.sent
        assert (server.connections, stale.requests) == (2, 3)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_have_been_applied_is_not_repeated(client: Client, method: str) -> None:
    stale = Stale(1)
    async with serving(stale) as server:
        await ask(client, server)
        with pytest.raises(ConnectionLost) as caught:
            await ask(client, server, method)
        assert caught.value.sent
        assert (server.connections, stale.requests) == (1, 2)


async def test_an_answer_that_began_is_not_repeated(client: Client) -> None:
    stale = Stale(1, b"HTTP/1.1 200 OK\r\n")
    async with serving(stale) as server:
        await ask(client, server)
        with pytest.raises(ConnectionLost):
            await ask(client, server)
        assert stale.requests == 2


async def test_a_new_connection_that_is_lost_is_not_repeated(client: Client) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.request()

    async with serving(exchange) as server:
        with pytest.raises(ConnectionLost):
            await ask(client, server)
        assert server.connections == 1


async def test_a_connection_seen_closed_is_replaced_whatever_the_method(client: Client) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with serving(exchange) as server:
        for number in range(1, 4):
            assert (await ask(client, server, "POST")).status == 200
            assert server.connections == number
            await until(lambda: not client._pools)  # the close has been seen, and nothing is left of it


# -- time


async def test_an_answer_that_does_not_come_ends_in_time_and_closes_the_connection(client: Client) -> None:
    closed = asyncio.Event()

    async def exchange(peer: Peer) -> None:
        await hang(peer)
        closed.set()

    async with serving(exchange) as server:
        with pytest.raises(TimedOut) as caught:
            await ask(client, server, seconds=0.5)
        assert caught.value.sent
        await asyncio.wait_for(closed.wait(), 10)


async def test_an_answer_that_drips_ends_in_time(client: Client) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not peer.writer.transport.is_closing():
            await peer.send(b"x")
            await asyncio.sleep(0.01)

    async with serving(exchange) as server:
        with pytest.raises(TimedOut):
            await ask(client, server, seconds=0.2)


async def test_a_short_time_is_kept_on_a_connection_that_had_a_long_one(client: Client) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await hang(peer)

    async with serving(exchange) as server:
        await ask(client, server, seconds=100)
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(TimedOut):
            await ask(client, server, "POST", seconds=0.05)
        assert loop.time() - started < 50


async def test_no_time_sends_nothing(client: Client) -> None:
    async with serving(answering(OK)) as server:
        with pytest.raises(TimedOut) as caught:
            await ask(client, server, seconds=0)
        assert not caught.value.sent
        assert server.connections == 0


@pytest.mark.parametrize(("connect_seconds", "error"), [(0.05, ConnectFailed), (60, TimedOut)])
async def test_a_server_that_does_not_accept_is_given_up_in_time(
    connect_seconds: float, error: type[Exception]
) -> None:
    client = Client(Limits(connect_seconds=connect_seconds))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address):  # the queue is full now; what comes next is not answered
            with pytest.raises((ConnectFailed, TimedOut)) as caught:
                await client.request(Origin("http", *address), "GET", "/", [], timeout_seconds=0.5)
            assert isinstance(caught.value, error)
            assert not caught.value.sent
    await client.close()


async def test_a_refused_connection_was_not_sent(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        origin = Origin("http", *unused.getsockname())
        for _ in range(5):  # a failed attempt gives its place back
            with pytest.raises(ConnectFailed) as caught:
                await client.request(origin, "POST", "/", [], timeout_seconds=10)
            assert not caught.value.sent


# -- the end


async def test_an_answer_before_the_body_was_sent_is_given_and_the_connection_closed(client: Client) -> None:
    closed = asyncio.Event()

    async def exchange(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await peer.gone()
        closed.set()

    async with serving(exchange) as server:
        body = b"x" * 30_000_000
        response = await client.request(server.origin, "POST", "/", [], body, timeout_seconds=10)
        assert (response.status, response.body) == (413, b"no")
        await asyncio.wait_for(closed.wait(), 10)


async def test_closing_the_client_ends_what_is_going_on() -> None:
    client = Client(Limits(connections_per_origin=1))
    arrived = asyncio.Event()

    async def exchange(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.gone()

    async with serving(exchange) as server:
        busy = asyncio.create_task(ask(client, server))
        await arrived.wait()
        waiting = asyncio.create_task(ask(client, server))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(ConnectionLost):
            await busy
        with pytest.raises(ConnectFailed):
            await waiting
        with pytest.raises(ConnectFailed):
            await ask(client, server)
