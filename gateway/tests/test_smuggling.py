"""Request smuggling, in bytes, against a real gateway."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.tests.gateways import Gateway, gateway
from gateway.tests.services import Server, reply, saying

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEXT = b"GET /v1/fixed HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[tuple[str, Server]]:
    server = Server(saying(reply()))
    async with server.running() as url:
        yield url, server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(
    service: tuple[str, Server], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path_factory.mktemp("gateway"), service[0]) as made:
        yield made


def post(*headers: bytes, body: bytes = b"", line: bytes = b"POST /v1/echo HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: a", *headers, b"", b""]) + body


def get(*lines: bytes, target: bytes = b"/v1/fixed", host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", host, *lines, b"", b""])


CHUNKED = b"Transfer-Encoding: chunked"
REFUSED = {
    "CL and TE": post(b"Content-Length: 4", CHUNKED, body=b"0\r\n\r\n"),
    "TE and CL": post(CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n"),
    "two CL": post(b"Content-Length: 0", b"Content-Length: 5"),
    "the same CL twice": post(b"Content-Length: 0", b"Content-Length: 0"),
    "CL list": post(b"Content-Length: 0, 0"),
    "CL with a sign": post(b"Content-Length: +0"),
    "CL negative": post(b"Content-Length: -1"),
    "CL hexadecimal": post(b"Content-Length: 0x0"),
    "CL with an underscore": post(b"Content-Length: 1_0", body=b"x" * 10),
    "CL in other digits": post("Content-Length: \u0664".encode()),
    "CL empty": post(b"Content-Length: "),
    "CL endless": post(b"Content-Length: " + b"9" * 40),
    "two TE": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "TE list": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "TE identity": post(b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "TE with a tab": post(b"Transfer-Encoding:\tchunked,", body=b"0\r\n\r\n"),
    "TE x": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "TE in 1.0": post(CHUNKED, body=b"0\r\n\r\n", line=b"POST /v1/echo HTTP/1.0"),
    "space before the colon": post(b"Content-Length : 0"),
    "TE, space before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "folded": get(b"X-A: 1", b" folded: 2"),
    "folded at once": get(b" X-A: 1"),
    "folded TE": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "no colon": get(b"X-A"),
    "no name": get(b": 1"),
    "bad name": get(b"X(A: 1"),
    "NUL": get(b"X-A: 1\0"),
    "control": get(b"X-A: 1\x0b"),
    "bare CR": get(b"X-A: 1\rX-B: 2"),
    "bare LF": get(b"X-A: 1\nX-B: 2"),
    "LF alone": NEXT.replace(b"\r\n", b"\n"),
    "CR CR LF": get(b"X-A: 1\r"),
    "absolute form": get(target=b"http://elsewhere/v1/fixed"),
    "authority form": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": get(target=b"*"),
    "fragment": get(target=b"/v1/fixed#x"),
    "no slash": get(target=b"v1/fixed"),
    "two spaces": get(target=b" /v1/fixed"),
    "a tab": get(target=b"\t/v1/fixed"),
    "a space in the target": get(target=b"/v1/fixed HTTP/1.1 x"),
    "raw bytes in the target": get(target="/v1/fixé".encode()),
    "no version": b"GET /v1/fixed\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET /v1/fixed HTTP/1.2\r\nHost: a\r\n\r\n",
    "http/1.1": b"GET /v1/fixed http/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET /v1/fixed HTTP/1.1\r\n\r\n",
    "two hosts": get(b"Host: b"),
    "host list": get(host=b"Host: a, b"),
    "empty host": get(host=b"Host: "),
    "host with a path": get(host=b"Host: a/b"),
    "host with a user": get(host=b"Host: a@b"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "bad method": b"G(T /v1/fixed HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown expectation": post(b"Expect: 200-ok", b"Content-Length: 0"),
}
#: What is refused by another status than 400.
OTHERWISE = {REFUSED["authority form"]: 501, REFUSED["HTTP/1.2"]: 505, REFUSED["unknown expectation"]: 417}
BAD_CHUNKS = {
    "endless size": b"0" * 100 + b"1\r\na\r\n0\r\n\r\n",
    "not hexadecimal": b"x\r\n",
    "negative": b"-1\r\n",
    "with a sign": b"+1\r\na\r\n0\r\n\r\n",
    "0x": b"0x1\r\na\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n",
    "with a space": b"1 \r\na\r\n0\r\n\r\n",
    "extension": b"1;a=b\r\na\r\n0\r\n\r\n",
    "LF alone": b"1\na\n0\n\n\r\n",
    "longer than it says": b"1\r\nab\r\n0\r\n\r\n",
    "empty size": b"\r\n",
    "trailer": b"0\r\nX-A: 1\r\n\r\n",
}
LARGE = {
    "target": (get(target=b"/v1/fixed?" + b"x" * 9000), 414),
    "headers": (get(*(b"X-%d: 1" % number for number in range(200))), 431),
    "head": (get(b"X-A: " + b"x" * 60_000), 431),
    "name": (get(b"X" * 101 + b": 1"), 431),
    "head that comes whole": (get(b"X-A: " + b"x" * 70_000), 431),
    "endless head": (b"GET /v1/fixed HTTP/1.1\r\nX-A: " + b"x" * 200_000, 431),
    "head after another": (post(CHUNKED, body=b"0\r\n\r\n") + get(b"X-A: " + b"x" * 70_000), 431),
    "endless head after another": (
        post(CHUNKED, body=b"0\r\n\r\n") + b"GET / HTTP/1.1\r\n" + b"x" * 70_000,
        431,
    ),
}


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
async def test_refused_and_closed(running: Gateway, service: tuple[str, Server], data: bytes) -> None:
    received = await running.raw(data + NEXT)
    assert statuses(received) == [OTHERWISE.get(data, 400)]
    assert b"Connection: close" in received
    assert b"application/problem+json" in received
    assert not received.endswith(b"<open>")
    assert {asked.target for asked in service[1].asked} <= {"/orders/health/ready"}


@pytest.mark.parametrize("data", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_bad_chunks(running: Gateway, data: bytes) -> None:
    received = await running.raw(post(CHUNKED, body=data) + NEXT)
    assert statuses(received) == [400]
    assert b"application/problem+json" in received
    assert not received.endswith(b"<open>")


@pytest.mark.parametrize(("data", "status"), LARGE.values(), ids=LARGE)
async def test_too_large(running: Gateway, data: bytes, status: int) -> None:
    received = await running.raw(data)
    assert statuses(received)[-1:] == [status]
    assert b"application/problem+json" in received
    assert not received.endswith(b"<open>")


async def test_a_pipeline_is_answered_in_order(running: Gateway) -> None:
    received = await running.raw(NEXT + NEXT + NEXT.replace(b"Host: a", b"Host: a\r\nConnection: close"))
    assert statuses(received) == [200, 200, 200]
    assert not received.endswith(b"<open>")


async def test_good_chunks(running: Gateway, service: tuple[str, Server]) -> None:
    received = await running.raw(post(CHUNKED, b"Connection: close", body=b"2\r\n{}\r\n0\r\n\r\n"))
    assert statuses(received) == [200]
    assert [asked.body for asked in service[1].asked if asked.method == "POST"][-1] == b"{}"


async def test_a_request_is_the_same_however_it_arrives(running: Gateway) -> None:
    whole = post(CHUNKED, b"Connection: close", body=b"2\r\n{}\r\n3\r\nabc\r\n0\r\n\r\n")
    for cut in range(1, len(whole), 5):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        async with asyncio.timeout(10):
            for piece in (whole[:cut], whole[cut:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            received = await reader.read()
        writer.close()
        assert statuses(received) == [200]


async def test_noise_is_refused(running: Gateway) -> None:
    generator = random.Random(5)
    for _ in range(60):
        data = bytearray(post(b"Content-Length: 2", b"X-A: b", body=b"{}"))
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data) - 2)] = generator.choice(b"\r\n\0\t :;,\xff0a/#%")
        received = await running.raw(
            bytes(data) + b"GET /v1/fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        *others, last = received.split(b"HTTP/1.1 ")[1:]
        assert len(others) <= 1, "nothing is taken for more requests than were sent"
        assert not any(b"Connection: close" in answer for answer in others), "who is refused is left at that"
        assert b"Connection: close" in last
        assert set(statuses(received)) <= {200, 400, 404, 405, 417, 431, 501, 505}
