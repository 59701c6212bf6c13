"""A server: reading, answering and ending, on both event loops."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import partial
from math import inf

import pytest

from observability import Telemetry
from observability.http.server import BodyLost, BodyStream, Limits
from observability.http.server.connection import Connection
from observability.http.server.tests.servers import (
    Asked,
    Behave,
    Client,
    Fronted,
    echo,
    echo_after,
    fronted,
    request,
    say,
    until,
)

CURRENT = ContextVar("current", default="")
CHUNKED = b"POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
PIECE = b"x" * 65536
#: More than a connection's buffers hold on their way.
LARGE = PIECE * 256


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[dict[str, object]]]:
    """Uncaught exceptions, as the event loop reports them; the test fails if there are any."""
    found: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: found.append(said))
    yield found
    assert not found


async def wait(asked: Asked) -> None:
    """Answer never."""
    await asyncio.Event().wait()


async def turn(running: Fronted) -> None:
    """Let the front take whatever was sent before: it reads this later."""
    async with Client.of(running.port) as client:
        await client.send(b"\r\n\r\n")
        await client.rest()


def stays_open(running: Fronted) -> bool:
    return len(running.front.connections) == 1


# --- reading


async def test_requests_are_answered_in_order_on_one_connection(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running, Client.of(running.port) as client:
        await client.send(request("/1") + request("/2", "POST", b"two") + request("/3", "HEAD"))
        assert (await client.answer()).body == b"GET /1 "
        assert (await client.answer()).body == b"POST /2 two"
        assert (await client.answer("HEAD")).headers["Content-Length"] == str(len(b"HEAD /3 "))
        assert stays_open(running)


async def test_a_request_begins_in_the_connection_s_context_not_in_that_of_the_one_before(
    telemetry: Telemetry,
) -> None:
    seen: list[str] = []
    hold = asyncio.Event()

    async def note(asked: Asked) -> None:
        seen.append(CURRENT.get())
        CURRENT.set(asked.head.target)
        await hold.wait()
        await say(asked)

    async with fronted(telemetry, note) as running, Client.of(running.port) as client:
        await client.send(request("/1") + request("/2"))
        await until(lambda: seen)
        await client.send(request("/3"))
        await turn(running)
        hold.set()
        for _ in range(3):
            await client.answer()
        await client.send(request("/4"))
        await client.answer()
    assert seen == [""] * 4


@pytest.mark.parametrize("streams", [False, True])
async def test_a_body_is_the_same_however_it_is_cut(telemetry: Telemetry, streams: bool) -> None:
    whole = request("/", "POST", b"0123456789")
    async with fronted(telemetry, streams=streams) as running, Client.of(running.port) as client:
        for cut in range(1, len(whole)):
            await client.send(whole[:cut], whole[cut:])
            assert (await client.answer()).body == b"POST / 0123456789"


async def test_bodies_of_any_size_pass_through_a_stream(telemetry: Telemetry) -> None:
    async with fronted(telemetry, streams=True) as running, Client.of(running.port) as client:
        sending = asyncio.create_task(client.send(request("/", "POST", LARGE[: len(LARGE) // 4])))
        assert len((await client.answer()).body) == len(LARGE) // 4 + len(b"POST / ")
        await sending


async def test_a_slow_service_slows_its_caller(telemetry: Telemetry) -> None:
    """The front holds at most one piece of a body, and one segment."""
    go_on = asyncio.Event()
    async with (
        fronted(telemetry, echo_after(go_on), streams=True) as running,
        Client.of(running.port) as client,
    ):
        sending = asyncio.create_task(client.send(request("/", "POST", LARGE)))
        await until(lambda: running.asked and not running.asked[0].connection._is_reading)
        await turn(running)
        connection = running.asked[0].connection
        assert isinstance(stream := running.asked[0].body, BodyStream)
        assert len(connection.reader.received) + len(stream._piece or b"") < 2**20
        assert not sending.done()
        go_on.set()
        assert len((await client.answer()).body) == len(LARGE) + len(b"POST / ")
        await sending


async def test_what_comes_while_a_request_is_answered_waits(telemetry: Telemetry) -> None:
    go_on = asyncio.Event()
    async with fronted(telemetry, echo_after(go_on)) as running, Client.of(running.port) as client:
        await client.send(request("/1"))
        sending = asyncio.create_task(client.send(*[request("/2", "POST", PIECE)] * 200))
        await until(lambda: running.asked and not running.asked[0].connection._is_reading)
        await turn(running)
        assert len(running.asked) == 1
        assert len(running.asked[0].connection.reader.received) < 2**20
        go_on.set()
        assert (await client.answer()).body == b"GET /1 "
        for _ in range(200):
            assert len((await client.answer()).body) == len(PIECE) + len(b"POST /2 ")
        await sending


@pytest.mark.parametrize("streams", [False, True])
async def test_a_body_that_comes_in_part_while_a_request_is_answered(
    telemetry: Telemetry, streams: bool
) -> None:
    """Its head comes with a request, or alone; the rest when that is answered."""
    go_on = asyncio.Event()
    whole = request("/2", "POST", b"0123456789")
    async with fronted(telemetry, echo_after(go_on), streams=streams) as running:
        for cut in (len(whole) - 10, len(whole) - 5):
            go_on.clear()
            async with Client.of(running.port) as client:
                await client.send(request("/1"))
                await turn(running)
                await client.send(whole[:cut])
                await turn(running)
                go_on.set()
                assert (await client.answer()).body == b"GET /1 "
                await client.send(whole[cut:])
                assert (await client.answer()).body == b"POST /2 0123456789"


@pytest.mark.parametrize("size", [53 * 1024, 60 * 1024, 70 * 1024, 200 * 1024])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_a_head_that_is_too_long_is_refused(telemetry: Telemetry, size: int, end: bytes) -> None:
    async with fronted(telemetry) as running, Client.of(running.port) as client:
        await client.send(request()[:-2] + b"X-A: " + b"x" * size + end)
        answer = await client.answer()
        assert (answer.status, answer.headers["Connection"]) == (431, "close")
        assert await client.rest() == b""
        assert not running.asked


async def test_a_head_that_is_too_long_and_there_at_once_is_refused(telemetry: Telemetry) -> None:
    """While something is answered all of it comes, or as much as the system holds."""
    go_on = asyncio.Event()
    async with fronted(telemetry, echo_after(go_on)) as running, Client.of(running.port) as client:
        await client.send(request("/1"))
        await until(lambda: running.asked)
        await client.send(request()[:-2] + b"X-A: " + b"x" * 100_000 + b"\r\n\r\n")
        go_on.set()
        assert (await client.answer()).body == b"GET /1 "
        assert (await client.answer()).status == 431
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "data",
    [
        request().replace(b"\r\n", b"\n"),
        b"GET / HTTP/1.1\n\n" + request(),
        b"GET / HTTP/1.1\r\nHost: a\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
        b"\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500,
    ],
)
async def test_what_is_no_request_is_refused(telemetry: Telemetry, data: bytes) -> None:
    async with fronted(telemetry) as running, Client.of(running.port) as client:
        await client.send(data)
        answer = await client.answer()
        assert answer.status in (400, 505)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert await client.rest() == b""
        assert not running.asked


# --- answering


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_answers_without_a_body(telemetry: Telemetry, status: int, method: str) -> None:
    async def behave(asked: Asked) -> None:
        await say(asked, status, b"body")

    async with fronted(telemetry, behave) as running, Client.of(running.port) as client:
        for _ in range(2):
            await client.send(request("/", method))
            answer = await client.answer(method)
            assert answer.status == status
            assert answer.body == (b"body" if (status, method) == (200, "GET") else b"")
            assert answer.headers.get("Content-Length") == ("4" if status == 200 else None)


def streamed(*pieces: bytes, **headers: str) -> Behave:
    """Answer piece by piece."""

    async def behave(asked: Asked) -> None:
        wire = asked.wire
        await wire.start(200, [(name.replace("_", "-"), value) for name, value in headers.items()])
        for piece in pieces:
            await wire.write(piece)
        wire.end()
        wire.answered()

    return behave


@pytest.mark.parametrize("headers", [{}, {"Content_Length": "10"}])
async def test_answers_piece_by_piece(telemetry: Telemetry, headers: dict[str, str]) -> None:
    behave = streamed(b"", b"first", b"", b"other", b"", **headers)
    async with fronted(telemetry, behave) as running, Client.of(running.port) as client:
        for method in ("GET", "HEAD", "GET"):
            await client.send(request("/", method))
            answer = await client.answer(method)
            assert answer.body == (b"" if method == "HEAD" else b"firstother")
            assert ("Transfer-Encoding" in answer.headers) is (method == "GET" and not headers)
        assert stays_open(running)


@pytest.mark.parametrize("length", [4, 6, 9, 11])
async def test_an_answer_of_another_length_than_it_says_is_cut_off(telemetry: Telemetry, length: int) -> None:
    behave = streamed(b"first", b"other", Content_Length=str(length))
    async with fronted(telemetry, behave) as running, Client.of(running.port) as client:
        await client.send(request() + request("/2"))
        received = await client.rest()
        _, _, body = received.partition(b"\r\n\r\n")
        assert b"firstother".startswith(body)
        assert len(body) <= length
        assert running.asked[0].error is not None
    assert len(running.asked) == 1


async def test_a_slow_reader_slows_the_answer(telemetry: Telemetry) -> None:
    given = 0

    async def behave(asked: Asked) -> None:
        nonlocal given
        await asked.wire.start(200, [])
        for _ in range(256):
            await asked.wire.write(PIECE)
            given += 1
        asked.wire.end()
        asked.wire.answered()

    async with fronted(telemetry, behave) as running, Client.of(running.port) as client:
        await client.send(request())
        await until(lambda: running.asked and running.asked[0].connection._room is not None)
        await turn(running)
        assert given < 200
        assert running.asked[0].connection._transport.get_write_buffer_size() < 4 * len(PIECE)
        assert len((await client.answer()).body) == 256 * len(PIECE)


async def test_a_body_that_is_too_large_is_refused_and_lingers(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, limits=Limits(linger_bytes=4 * len(LARGE), linger_seconds=10)) as running,
        Client.of(running.port) as client,
    ):
        sending = asyncio.create_task(client.send(request("/", "POST", LARGE)))
        answer = await client.answer()
        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        await sending
        assert await client.rest() == b""
    assert running.asked[0].begun == 1


async def test_a_body_that_is_too_large_is_answered_once_even_if_it_is_there(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, limits=Limits(body_bytes=100)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/", "POST", b"x" * 101) + request("/2"))
        assert (await client.answer()).status == 413
        assert await client.rest() == b""
    assert [asked.begun for asked in running.asked] == [1]


async def test_who_lingers_too_long_is_cut_off(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, limits=Limits(linger_seconds=0.01)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/", "POST", LARGE)[:1000])
        assert (await client.answer()).status == 413
        await until(lambda: not running.front.connections)


async def test_an_answer_before_the_body_has_come(telemetry: Telemetry) -> None:
    async def early(asked: Asked) -> None:
        await say(asked, 422)

    async with fronted(telemetry, early, streams=True) as running, Client.of(running.port) as client:
        await client.send(request("/", "POST", PIECE)[:1000])
        answer = await client.answer()
        assert (answer.status, answer.headers["Connection"]) == (422, "close")
        await client.send(request("/smuggled"))
        assert await client.rest() == b""
    assert len(running.asked) == 1


async def test_an_answer_ends_its_connection_as_it_said(telemetry: Telemetry) -> None:
    """Whether the body comes after all, or draining begins in the middle of it."""
    go_on = asyncio.Event()

    async def early(asked: Asked) -> None:
        await asked.wire.start(200, [])
        if isinstance(body := asked.body, BodyStream):
            _ = [piece async for piece in body.pieces()]
        await go_on.wait()
        asked.wire.end()
        asked.wire.answered()

    whole = request("/", "POST", b"0123456789")
    async with fronted(telemetry, early, streams=True) as running:
        async with Client.of(running.port) as client:
            await client.send(whole[:-5])
            assert b"Connection: close" in await client.reader.readuntil(b"\r\n\r\n")
            await client.send(whole[-5:])
            go_on.set()
            assert await client.rest() == b"0\r\n\r\n"
        go_on.clear()
        async with Client.of(running.port) as client:
            await client.send(request())
            assert b"Connection: close" not in await client.reader.readuntil(b"\r\n\r\n")
            running.front.refuse_keeping_alive()
            go_on.set()
            await client.send(request())
            assert await client.reader.readexactly(5) == b"0\r\n\r\n"
            assert (await client.answer()).headers["Connection"] == "close"
            assert await client.rest() == b""


async def test_close_is_the_last(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running, Client.of(running.port) as client:
        await client.send(request("/1", "GET", None, "Connection: close") + request("/2"))
        assert (await client.answer()).headers["Connection"] == "close"
        assert await client.rest() == b""
    assert len(running.asked) == 1


async def large(asked: Asked) -> None:
    """Answer with more than a client has room for that does not read."""
    await say(asked, 200, LARGE)


async def test_who_reads_no_answers_gets_no_more_of_them(telemetry: Telemetry) -> None:
    async with fronted(telemetry, large) as running, Client.of(running.port) as client:
        await client.send(request("/1"))
        await until(lambda: running.asked and running.asked[0].connection._room is not None)
        await client.send(request("/2"))
        await turn(running)
        assert len(running.asked) == 1
        for _ in range(2):
            assert len((await client.answer()).body) == len(LARGE)
        assert stays_open(running)


async def test_nothing_is_answered_after_the_last_even_if_that_takes_long(telemetry: Telemetry) -> None:
    async with fronted(telemetry, large) as running, Client.of(running.port) as client:
        await client.send(request("/1", "GET", None, "Connection: close") + request("/2"))
        assert len((await client.answer()).body) == len(LARGE)
        assert await client.rest() == b""
    assert len(running.asked) == 1


async def test_what_is_left_of_a_body_is_no_request_even_if_its_answer_takes_long(
    telemetry: Telemetry,
) -> None:
    async with (
        fronted(telemetry, limits=Limits(body_bytes=100, linger_seconds=10)) as running,
        Client.of(running.port) as client,
    ):
        running.refusal = LARGE
        await client.send(request("/1", "POST", request("/smuggled") + b"x" * 100)[:-80])
        assert len((await client.answer()).body) == len(LARGE)
        client.writer.close()
        await until(lambda: not running.front.connections)
    assert len(running.asked) == 1


# --- whoever asks goes away


async def test_who_goes_away_is_missed(telemetry: Telemetry) -> None:
    async with fronted(telemetry, wait) as running:
        async with Client.of(running.port) as client:
            await client.send(request())
            await until(lambda: running.asked)
            client.reset()
        await until(lambda: running.asked[0].left and not running.front.connections)


async def test_who_sends_no_more_is_taken_to_be_gone(telemetry: Telemetry) -> None:
    async with fronted(telemetry, wait) as running, Client.of(running.port) as client:
        await client.send(request())
        await until(lambda: running.asked)
        client.writer.write_eof()
        assert await client.rest() == b""
        assert running.asked[0].left


async def test_a_client_that_only_stops_sending_gets_the_answers_to_what_it_sent(
    telemetry: Telemetry,
) -> None:
    go_on = asyncio.Event()
    async with (
        fronted(telemetry, echo_after(go_on), answers_half_closed=True) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/one") + request("/two", "POST", b"12") + request("/three")[:-1])
        await until(lambda: running.asked)
        client.writer.write_eof()
        go_on.set()
        answers = [await client.answer() for _ in range(2)]
        assert [answer.body for answer in answers] == [b"GET /one ", b"POST /two 12"]
        assert await client.rest() == b""


async def test_a_client_that_stops_sending_is_told_that_the_answer_is_the_last(telemetry: Telemetry) -> None:
    go_on = asyncio.Event()
    async with (
        fronted(telemetry, echo_after(go_on), answers_half_closed=True) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/one"))
        await until(lambda: running.asked)
        (connection,) = running.front.connections
        client.writer.write_eof()
        await until(lambda: connection.is_ending)
        go_on.set()
        answer = await client.answer()
        assert (answer.body, answer.headers["Connection"]) == (b"GET /one ", "close")
        assert await client.rest() == b""


async def test_who_stops_sending_within_a_body_is_gone(telemetry: Telemetry) -> None:
    async with fronted(telemetry, answers_half_closed=True) as running, Client.of(running.port) as client:
        await client.send(request("/", "POST", PIECE)[:1000])
        await until(lambda: running.asked)
        client.writer.write_eof()
        assert await client.rest() == b""
        assert running.asked[0].left


async def test_who_goes_away_within_a_body(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running:
        async with Client.of(running.port) as client:
            await client.send(request("/", "POST", PIECE)[:1000])
            await until(lambda: running.asked)
        await until(lambda: running.asked[0].left and not running.front.connections)


# --- clocks


@pytest.mark.parametrize("sent", [b"", b"GET / HT"])
async def test_a_head_that_does_not_come(telemetry: Telemetry, sent: bytes) -> None:
    async with (
        fronted(telemetry, limits=Limits(idle_seconds=0.05)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(sent)
        assert await client.rest() == b""


@pytest.mark.parametrize("sent", [b"G", b"GET / HT"])
async def test_a_head_that_begins_has_less_time_than_one_to_begin(telemetry: Telemetry, sent: bytes) -> None:
    limits = Limits(idle_seconds=3600, head_seconds=0.05)
    async with fronted(telemetry, limits=limits) as running, Client.of(running.port) as client:
        await client.send(request())
        assert (await client.answer()).status == 200
        assert stays_open(running)
        await client.send(sent)
        assert await client.rest() == b""


async def test_an_idle_connection_is_closed(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, limits=Limits(idle_seconds=1)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request())
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_a_body_that_does_not_come(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, limits=Limits(body_seconds=0.05)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/", "POST", b"12")[:-1])
        answer = await client.answer()
        assert (answer.status, answer.headers["Connection"]) == (408, "close")
        assert await client.rest() == b""


@pytest.mark.parametrize("clock", ["stream_idle_seconds", "stream_seconds"])
async def test_a_body_that_is_passed_on_does_not_take_for_ever(telemetry: Telemetry, clock: str) -> None:

    async def behave(asked: Asked) -> None:
        try:
            await echo(asked)
        except BodyLost:
            await say(asked, 408)

    async with (
        fronted(telemetry, behave, streams=True, limits=Limits(**{clock: 0.05})) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/", "POST", b"12")[:-1])
        assert (await client.answer()).status == 408


async def test_no_clock_runs_while_a_request_is_answered(telemetry: Telemetry) -> None:
    go_on = asyncio.Event()
    async with (
        fronted(telemetry, echo_after(go_on)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request("/", "POST", b"12"))
        await until(lambda: running.asked and running.asked[0].begun)
        assert running.asked[0].connection.timer.until == inf
        go_on.set()
        assert (await client.answer()).body == b"POST / 12"


# --- bodies in chunks


async def test_a_body_in_chunks_is_answered_in_its_turn(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running, Client.of(running.port) as client:
        await client.send(request("/1") + CHUNKED + request("/2"))
        answers = [await client.answer() for _ in range(3)]
        assert [answer.body for answer in answers] == [b"GET /1 ", b"POST /chunked {}", b"GET /2 "]


async def test_a_connection_leaves_nothing(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running:
        await turn(running)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            async with Client.of(running.port) as client:
                await client.send(request("/1") + CHUNKED)
                assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        await until(lambda: not running.front.connections)


async def test_who_is_gone_when_taken_leaves_nothing(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running:
        await turn(running)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            async with Client.of(running.port) as client:
                client.writer.write(CHUNKED)
                client.reset()
        await turn(running)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        await until(lambda: not running.front.connections)


async def filled(running: Fronted, client: Client) -> Connection:
    """Receive, and read nothing, until something of an answer waits to be sent."""
    count = 0
    while not running.asked or not running.asked[-1].connection._transport.get_write_buffer_size():
        count += 1
        await client.send(request())
        await until(partial(answered, running, count))
    return running.asked[-1].connection


def answered(running: Fronted, count: int) -> bool:
    return len(running.asked) == count and running.asked[-1].connection.reader.request is None


@pytest.mark.parametrize("cut", ["stalled", "ended", "reset"])
async def test_an_answer_that_is_cut_off_is_not_followed_by_another(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Whoever reads on would take it for the rest of the one before."""
    size = 60 * 1024  # less than would have the front wait

    async def fill(asked: Asked) -> None:
        await say(asked, 200, b"x" * size)

    async with fronted(telemetry, fill) as running:
        before = len(os.listdir("/proc/self/fd"))
        async with Client.of(running.port) as client:
            connection = await filled(running, client)
            await client.send(CHUNKED)
            if cut == "stalled":
                connection.timer.until = 0
                connection.timer.ring()
            elif cut == "ended":
                await running.front.close_all_connections()
            else:
                client.reset()
            received = await client.rest()
        assert received.count(b"HTTP/1.1 ") <= len(running.asked)
        await until(lambda: not running.front.connections)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before)


# --- ending


async def test_answers_close_while_draining(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry) as running,
        Client.of(running.port) as client,
        Client.of(running.port) as other,
    ):
        for each in (client, other):
            await each.send(request())
            assert "Connection" not in (await each.answer()).headers
        running.front.refuse_keeping_alive()
        await client.send(request())
        assert (await client.answer()).headers["Connection"] == "close"
        assert await client.rest() == b""
        await other.send(CHUNKED)
        assert (await other.answer()).headers["Connection"] == "close"
        assert await other.rest() == b""


async def test_ending_cuts_what_is_left(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, wait) as running,
        Client.of(running.port) as busy,
        Client.of(running.port) as idle,
    ):
        await busy.send(request())
        await until(lambda: running.asked)
        await running.front.stop()
        await running.front.close_all_connections()
        assert (await busy.rest(), await idle.rest()) == (b"", b"")
        await until(lambda: running.asked[0].left)


async def test_ending_sends_what_was_answered(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, large, limits=Limits(linger_seconds=10)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request())
        await until(partial(answered, running, 1))
        assert running.asked[0].connection._transport.get_write_buffer_size()
        await running.front.stop()
        ending = asyncio.create_task(running.front.close_all_connections())
        assert len((await client.answer()).body) == len(LARGE)
        assert await client.rest() == b""
        await ending


async def test_ending_does_not_wait_for_who_reads_nothing(telemetry: Telemetry) -> None:
    async with (
        fronted(telemetry, large, limits=Limits(linger_seconds=0.05)) as running,
        Client.of(running.port) as client,
    ):
        await client.send(request())
        await until(partial(answered, running, 1))
        await running.front.stop()
        await running.front.close_all_connections()
        await until(lambda: not running.front.connections)


async def test_a_server_takes_the_place_of_another_on_its_port(telemetry: Telemetry) -> None:
    first, second = (Fronted(echo, streams=False) for _ in range(2))
    before, after = (each.listen_to(telemetry, Limits()) for each in (first, second))
    port = await before.listen(0, "127.0.0.1", reuse_port=True)
    assert await after.listen(port, "127.0.0.1", reuse_port=True) == port
    await before.stop()
    async with Client.of(port) as client:
        await client.send(request("/after"))
        assert (await client.answer()).body == b"GET /after "
    assert second.asked
    await before.close_all_connections()
    await after.stop()
    await after.close_all_connections()


async def test_who_waits_to_be_taken_when_that_ends_is_still_answered(telemetry: Telemetry) -> None:
    async with fronted(telemetry) as running:
        address = ("127.0.0.1", running.port)
        waiting = [socket.create_connection(address) for _ in range(20)]
        for each in waiting:
            each.sendall(request("/", "POST", b"late"))
        await running.front.stop()
        assert len(running.asked) == 20, "they are under way when there is nothing more to take"
        for each in waiting:
            client = Client(*await asyncio.open_connection(sock=each))
            assert (await client.answer()).body == b"POST / late"
            client.writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)


async def test_who_was_taken_at_last_and_asks_nothing_is_not_waited_for(telemetry: Telemetry) -> None:
    async with fronted(telemetry, limits=Limits(linger_seconds=0.05)) as running:
        silent, gone = (socket.create_connection(("127.0.0.1", running.port)) for _ in range(2))
        gone.close()
        await running.front.stop()
        assert stays_open(running)
        silent.close()
