"""Bodies that are read while they come and sent while they are made."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from observability.http.client import Client, ConnectionLost, Malformed, Streamed, TimedOut
from observability.http.client.tests.servers import Peer, answering, closing, serving, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PIECE = b"0123456789abcdef" * 4096


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(streamed: Streamed) -> bytes:
    return b"".join([chunk async for chunk in streamed.chunks()])


async def test_an_answer_is_read_in_pieces_and_the_connection_is_kept(client: Client) -> None:
    async with serving(answering(OK)) as server:
        for _ in range(3):
            async with client.stream(
                server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10
            ) as streamed:
                assert streamed.status == 200
                assert streamed.headers.get("content-length") == "2"
                assert await read(streamed) == b"ok"
        assert server.connections == 1


async def test_a_slow_reader_slows_the_server_down(client: Client) -> None:
    total = 400
    sent = 0
    peers: list[Peer] = []

    async def exchange(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peers.append(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (total * len(PIECE)))
        for _ in range(total):
            await peer.send(PIECE)
            sent += 1
        await peer.request()
        await peer.send(OK)

    async with serving(exchange) as server:
        async with client.stream(
            server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10
        ) as streamed:
            await until(lambda: peers and peers[0].writer.transport.get_write_buffer_size() >= len(PIECE))
            await stalled(lambda: sent)
            assert sent < total
            received = 0
            async for chunk in streamed.chunks():
                received += len(chunk)
            assert received == total * len(PIECE)
        assert (await client.request(server.origin, "GET", "/", [], timeout_seconds=10)).body == b"ok"
        assert server.connections == 1


async def stalled(count: Callable[[], int]) -> None:
    """Return when the count has not changed for many turns of the loop."""
    same, last = 0, count()
    async with asyncio.timeout(20):
        while same < 200:
            await asyncio.sleep(0.001)
            now = count()
            same, last = (same + 1, last) if now == last else (0, now)


async def test_a_slow_server_slows_the_maker_of_the_body_down(client: Client) -> None:
    total = 400
    made = 0
    go = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(total):
            made += 1
            yield PIECE

    async def exchange(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await go.wait()
        await peer.reader.readexactly(total * len(PIECE))
        await peer.send(OK)

    async with serving(exchange) as server:

        async def upload() -> bytes:
            async with client.stream(
                server.origin, "PUT", "/", [], body(),
                timeout_seconds=10, idle_seconds=10, content_length=total * len(PIECE),
            ) as streamed:  # fmt: skip
                return await read(streamed)

        uploading = asyncio.create_task(upload())
        await until(lambda: made > 0)
        await stalled(lambda: made)
        assert made < total
        go.set()
        assert await uploading == b"ok"
        assert made == total


@pytest.mark.parametrize(
    ("length", "framing", "sent"),
    [
        (None, b"transfer-encoding: chunked", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
        (5, b"content-length: 5", b"abcde"),
    ],
)
async def test_a_body_is_framed_by_its_length_or_in_chunks(
    client: Client, length: int | None, framing: bytes, sent: bytes
) -> None:
    async def exchange(peer: Peer) -> None:
        while True:
            head = await peer.reader.readuntil(b"\r\n\r\n")
            assert framing in head.lower()
            assert await peer.reader.readexactly(len(sent)) == sent
            await peer.send(OK)

    async with serving(exchange) as server:
        for _ in range(2):
            async with client.stream(
                server.origin, "POST", "/", [], pieces(b"ab", b"", b"cde"),
                timeout_seconds=10, idle_seconds=10, content_length=length,
            ) as streamed:  # fmt: skip
                assert await read(streamed) == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize("length", [4, 6])
async def test_a_body_of_another_length_is_an_error(client: Client, length: int) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.gone()

    async with serving(exchange) as server:
        with pytest.raises(ValueError, match="Content-Length"):
            async with client.stream(
                server.origin, "POST", "/", [], pieces(b"abcde"),
                timeout_seconds=10, idle_seconds=10, content_length=length,
            ):  # fmt: skip
                pass


async def test_an_error_of_the_bodys_maker_reaches_the_caller_and_ends_the_request(client: Client) -> None:
    received = bytearray()

    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        raise KeyError("made up")

    async def exchange(peer: Peer) -> None:
        received.extend(await peer.reader.read(-1))

    async with serving(exchange) as server:
        with pytest.raises(KeyError):
            async with client.stream(
                server.origin, "POST", "/", [], body(), timeout_seconds=10, idle_seconds=10
            ):
                pass
        await until(lambda: received.endswith(b"3\r\nabc\r\n"))  # and no last chunk


async def test_both_ways_at_once(client: Client) -> None:
    echoed: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        yield b"0"
        while (last := await echoed.get()) != b"99":
            yield b"%d" % (int(last) + 1)

    async def exchange(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await peer.reader.readuntil(b"\r\n"), 16):
            data = (await peer.reader.readexactly(size + 2))[:-2]
            await peer.send(b"%x\r\n%b\r\n" % (size, data))
        await peer.reader.readexactly(2)
        await peer.send(b"0\r\n\r\n")

    async with (
        serving(exchange) as server,
        client.stream(
            server.origin, "POST", "/", [], body(), timeout_seconds=10, idle_seconds=10
        ) as streamed,
    ):
        numbers = []
        async for chunk in streamed.chunks():
            numbers.append(int(chunk))
            echoed.put_nowait(chunk)
        assert numbers == list(range(100))


async def test_a_refusal_before_the_body_was_sent_stops_its_maker(client: Client) -> None:
    stopped = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"abc"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def exchange(peer: Peer) -> None:
        await peer.reader.readuntil(b"abc\r\n")
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await peer.gone()

    async with serving(exchange) as server:
        async with client.stream(
            server.origin, "POST", "/", [], body(), timeout_seconds=10, idle_seconds=10
        ) as streamed:
            await asyncio.wait_for(stopped.wait(), 10)
            assert (streamed.status, await read(streamed)) == (413, b"no")
        await until(lambda: not client._pools)


async def test_leaving_early_closes_the_connection(client: Client) -> None:
    closed = asyncio.Event()

    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await peer.gone()
        closed.set()

    async with serving(exchange) as server:
        async with client.stream(server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10):
            pass
        await asyncio.wait_for(closed.wait(), 10)


async def test_a_pause_in_the_answer_is_bounded(client: Client) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await peer.gone()

    async with (
        serving(exchange) as server,
        client.stream(server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=0.05) as streamed,
    ):
        with pytest.raises(TimedOut):
            await read(streamed)


async def test_a_pause_of_the_reader_is_not(client: Client) -> None:
    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x" * 1_000_000)) as server,
        client.stream(server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=0.5) as streamed,
    ):
        chunks = streamed.chunks()
        received = len(await anext(chunks))
        await asyncio.sleep(0.6)
        assert received + sum([len(chunk) async for chunk in chunks]) == 1_000_000


@pytest.mark.parametrize("body", [b"", b"x" * 10_000_000])
async def test_a_head_that_does_not_come_ends_in_time(client: Client, body: bytes) -> None:
    async def exchange(peer: Peer) -> None:
        await peer.gone()

    async with serving(exchange) as server:
        with pytest.raises(TimedOut):
            async with client.stream(
                server.origin, "POST", "/", [], pieces(body), timeout_seconds=0.05, idle_seconds=5
            ):
                pass


async def test_a_server_that_stops_taking_the_body_is_given_up_in_time(client: Client) -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    async def exchange(peer: Peer) -> None:
        await asyncio.Event().wait()

    async with serving(exchange) as server:
        with pytest.raises(TimedOut):
            async with client.stream(
                server.origin, "POST", "/", [], body(), timeout_seconds=60, idle_seconds=0.1
            ):
                pass


@pytest.mark.parametrize(
    ("rest", "error"),
    [(b"2\r\nok\r\n", ConnectionLost), (b"2\r\nok\r\nxyz\r\n", Malformed)],
)
async def test_a_body_cut_short_or_wrong_is_told_after_what_came(
    client: Client, rest: bytes, error: type[Exception]
) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with (
        serving(closing(raw + rest)) as server,
        client.stream(server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10) as streamed,
    ):
        chunks = streamed.chunks()
        assert await anext(chunks) == b"ok"
        with pytest.raises(error):
            await anext(chunks)


async def test_an_error_in_the_context_is_not_taken_for_one_of_the_exchange(client: Client) -> None:
    async with serving(answering(OK)) as server:
        await client.request(server.origin, "GET", "/", [], timeout_seconds=10)
        with pytest.raises(ConnectionLost, match="another"):
            async with client.stream(server.origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10):
                raise ConnectionLost("another")


@pytest.mark.parametrize("early", [True, False], ids=["answers-first", "answers-last"])
async def test_who_makes_the_body_keeps_a_time_of_their_own(client: Client, early: bool) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(2):
            await asyncio.sleep(0.6)
            yield b"abc"

    async def exchange(peer: Peer) -> None:
        if early:
            await peer.send(OK[:-1])
        await peer.reader.readuntil(b"0\r\n\r\n")
        await peer.send(OK[-1:] if early else OK)

    async with (
        serving(exchange) as server,
        client.stream(
            server.origin, "POST", "/", [], body(), timeout_seconds=10, idle_seconds=0.5
        ) as streamed,
    ):
        assert await read(streamed) == b"ok"


async def test_a_pause_after_a_refusal_is_bounded_even_if_a_piece_is_being_made(client: Client) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.Event().wait()

    async def exchange(peer: Peer) -> None:
        await peer.reader.readuntil(b"abc\r\n")
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nn")
        await peer.gone()

    async with (
        serving(exchange) as server,
        client.stream(
            server.origin, "POST", "/", [], body(), timeout_seconds=10, idle_seconds=0.05
        ) as streamed,
    ):
        with pytest.raises(TimedOut):
            await asyncio.wait_for(read(streamed), 10)
