"""Responses of servers, well-formed and malformed."""

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observability.http.client import (
    Client,
    ClientError,
    ConnectionLost,
    Headers,
    Limits,
    Malformed,
    Origin,
    Response,
    TooLarge,
)
from observability.http.client.tests.servers import Peer, Server, answering, closing, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def ask(server: Server, client: Client, method: str = "GET", body: bytes = b"") -> Response:
    return await client.request(server.origin, method, "/", [], body, timeout_seconds=10)


async def answer_to(raw: bytes, method: str = "GET", limits: Limits | None = None) -> Response:
    """The client's reading of a response after which the connection stays open."""
    client = Client(limits)
    async with serving(answering(raw)) as server:
        try:
            return await ask(server, client, method)
        finally:
            await client.close()


class _Pieces(asyncio.Protocol):
    """Answers every request with given pieces, each in a write and a turn of the loop of its own."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._send(0)

    def _send(self, number: int) -> None:
        if number < len(self._pieces):
            self._transport.write(self._pieces[number])
            asyncio.get_running_loop().call_soon(self._send, number + 1)


async def answers_in(pieces: list[bytes], count: int = 3) -> list[Response]:
    """The client's reading of a response in pieces, `count` times on a connection; the last is streamed."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: _Pieces(pieces), "127.0.0.1", 0)
    origin = Origin("http", "127.0.0.1", listener.sockets[0].getsockname()[1])
    client = Client()
    try:
        answers = [await client.request(origin, "GET", "/", [], timeout_seconds=10) for _ in range(count - 1)]
        async with client.stream(origin, "GET", "/", [], timeout_seconds=10, idle_seconds=10) as streamed:
            body = b"".join([chunk async for chunk in streamed.chunks()])
            return [*answers, Response(streamed.status, streamed.headers, body)]
    finally:
        await client.close()
        listener.close()


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: x\r\n\r\n", b""),
    ],
)
async def test_it_knows_where_an_answer_ends_and_keeps_the_connection(raw: bytes, body: bytes) -> None:
    client = Client()
    async with serving(answering(raw)) as server:
        for _ in range(3):
            assert (await ask(server, client)).body == body
        assert server.connections == 1
        await client.close()


async def test_a_body_may_end_with_the_connection() -> None:
    client = Client()
    async with serving(closing(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)) as server:
        for _ in range(2):
            assert len((await ask(server, client)).body) == 100_000
        assert server.connections == 2
        await client.close()


async def test_a_body_may_come_in_chunks_of_one_byte() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    response = await answer_to(head + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
    assert response.body == b"x" * 100_000


async def test_interim_answers_leave_nothing_in_the_final_head() -> None:
    response = await answer_to(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
    assert list(response.headers.items()) == [("Content-Length", "2")]


async def test_trailers_do_not_become_headers_of_this_or_the_next_answer() -> None:
    client = Client()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Admin: yes\r\n\r\n"
    async with serving(answering(chunked)) as server:
        for _ in range(2):
            assert list((await ask(server, client)).headers.items()) == [("Transfer-Encoding", "chunked")]
        await client.close()


@pytest.mark.parametrize("head", [b"Content-Length: 5000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_an_answer_to_head_has_no_body_whatever_it_says(head: bytes) -> None:
    response = await answer_to(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", "HEAD")
    assert (response.status, response.body) == (200, b"")


async def test_a_connection_is_kept_after_head() -> None:
    client = Client()
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")) as server:
        for _ in range(3):
            await ask(server, client, "HEAD")
        assert server.connections == 1
        await client.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"x",
        OK + OK,
        OK + b"\x00",
    ],
)
async def test_a_connection_that_should_not_be_kept_is_closed(raw: bytes) -> None:
    client = Client()
    seen_closed = []

    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(raw)
        await peer.gone()
        seen_closed.append(peer.number)

    async with serving(exchange) as server:
        for _ in range(2):
            assert (await ask(server, client)).body == b"ok"
        assert server.connections == 2
        await client.close()
    assert 0 in seen_closed


@pytest.mark.parametrize("more", [b"body", b"4\r\nbody\r\n0\r\n\r\n", OK])
async def test_a_body_after_head_is_never_taken_for_the_next_answer(more: bytes) -> None:
    client = Client()
    framing = b"Transfer-Encoding: chunked" if more[:1] == b"4" else b"Content-Length: 4"
    async with serving(answering(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + more)) as server:
        for number in range(1, 3):
            assert (await ask(server, client, "HEAD")).body == b""
            assert server.connections == number
        await client.close()


async def test_http_1_0_with_keep_alive_is_kept() -> None:
    client = Client()
    raw = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    async with serving(answering(raw)) as server:
        for _ in range(2):
            await ask(server, client)
        assert server.connections == 1
        await client.close()


async def test_bytes_that_come_unasked_close_the_idle_connection() -> None:
    client = Client()
    greet = asyncio.Event()
    gone = asyncio.Event()

    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if peer.number == 0:
            await greet.wait()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            await peer.gone()
            gone.set()

    async with serving(exchange) as server:
        await ask(server, client)
        greet.set()
        await asyncio.wait_for(gone.wait(), 10)
        assert (await ask(server, client)).body == b"ok"
        await client.close()


MALFORMED = {
    "garbage": b"\x16\x03\x01 no http\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n",
    "negative chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
    "huge chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "chunk beyond its size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "two equal lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "length list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length too large": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "length no number": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
    "length, coding": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding, length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding, close": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok",
    "coding twice": b"HTTP/1.1 200 OK\r\n" + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a header": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "switching protocols without saying to what": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK,
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        await answer_to(raw)
    assert caught.value.sent


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_answer_is_refused_however_it_is_cut(raw: bytes) -> None:
    with pytest.raises(Malformed):
        await answers_in([bytes([byte]) for byte in raw], count=1)


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 50_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 50_000,
        b"HTTP/1.1 200 " + b"y" * 50_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
        b"\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 200_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"y" * 1_000_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;%b\r\nx\r\n" % (b"y" * 1000) * 2000,
    ],
    ids=[
        "fields",
        "long",
        "endless",
        "reason",
        "interim",
        "blank lines",
        "trailers",
        "chunk extension",
        "extensions",
    ],
)
async def test_a_flood_instead_of_a_body_is_refused(flood: bytes) -> None:
    with pytest.raises(ClientError) as caught:
        await answer_to(flood)
    assert isinstance(caught.value, TooLarge | Malformed)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(chunked: bool) -> None:
    def answer(size: int) -> bytes:
        head, body = b"HTTP/1.1 200 OK\r\n", b"x" * size
        if chunked:
            return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, body)
        return head + b"Content-Length: %d\r\n\r\n" % size + body

    limits = Limits(body_bytes=100_000)
    assert len((await answer_to(answer(100_000), limits=limits)).body) == 100_000
    with pytest.raises(TooLarge):
        await answer_to(answer(100_001), limits=limits)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_an_answer_cut_short_is_lost(raw: bytes) -> None:
    client = Client()
    async with serving(closing(raw)) as server:
        with pytest.raises(ConnectionLost) as caught:
            await ask(server, client)
        assert caught.value.sent
        assert caught.value.answered is bool(raw)
        await client.close()


async def test_a_reset_is_a_lost_connection() -> None:
    client = Client()

    async def exchange(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with serving(exchange) as server:
        with pytest.raises(ConnectionLost):
            await ask(server, client)
        await client.close()


def test_headers_compare_without_case_and_decode_every_byte() -> None:
    headers = Headers([(b"Set-Cookie", b"a=1"), (b"X-Name", b"J\xfcrgen"), (b"set-cookie", b"b=2")])
    assert headers.get("SET-COOKIE") == "a=1"
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert headers.get("x-name") == "J\u00fcrgen"
    assert headers.get("none", "default") == "default"
    assert headers.get_all("none") == []
    assert "x-NAME" in headers
    assert len(headers) == 3
    assert "J" not in repr(headers)


# -- any way to cut the bytes gives the same answer

_names = st.sampled_from(["X-A", "Set-Cookie", "etag", "Cache-Control", "X-Long-Name-Of-A-Header"])
_values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    fields = draw(st.lists(st.tuples(_names, _values), max_size=6))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 500]))
    start = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * draw(st.integers(0, 2))
    start += b"HTTP/1.1 %d Some Reason\r\n%b" % (status, head)
    if status in (204, 304):
        return start + b"\r\n"
    chunks = draw(st.lists(st.binary(min_size=1, max_size=60), max_size=5))
    if draw(st.booleans()):
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        trailer = b"X-Trailer: yes\r\n" * draw(st.integers(0, 1))
        return start + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n" + trailer + b"\r\n"
    body = b"".join(chunks)
    return start + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _cut(raw: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % len(raw) for place in places}), len(raw)]
    return [raw[start:end] for start, end in pairwise(edges) if start < end]


@settings(max_examples=150, deadline=None)
@given(raw=_answers(), places=st.lists(st.integers(0, 10_000), max_size=40))
@example(raw=OK, places=list(range(len(OK))))
def test_segmentation_does_not_change_the_answer(raw: bytes, places: list[int]) -> None:
    whole = asyncio.run(answers_in([raw]))
    assert whole[0] == whole[1] == whole[2]
    assert asyncio.run(answers_in(_cut(raw, places))) == whole


@settings(max_examples=150, deadline=None)
@given(start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]), rest=st.binary(max_size=120))
def test_any_bytes_give_an_answer_or_a_client_error(start: bytes, rest: bytes) -> None:
    async def exchange() -> None:
        client = Client()
        async with serving(closing(start + rest)) as server:
            with suppress(ClientError):
                response = await client.request(server.origin, "GET", "/", [], timeout_seconds=10)
                assert 200 <= response.status < 1000
            await client.close()

    asyncio.run(exchange())


async def test_an_answer_may_be_cut_and_closes_the_connection() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 100_000
    client = Client(Limits(body_bytes=65536, cut=True))
    async with serving(answering(raw)) as server:
        for _ in range(2):
            answer = await ask(server, client)
            assert (answer.status, answer.headers.get("X")) == (200, "y")
            assert len(answer.body) <= 65536
        assert server.connections == 2
        await client.close()
