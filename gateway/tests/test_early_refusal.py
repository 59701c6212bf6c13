"""A request is refused before its body is read, and refusing it holds nothing up."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from gateway.tests.gateways import ROUTES, Gateway, gateway
from gateway.tests.services import Server, reply, saying

BODIED = (
    ROUTES
    + """
  - {id: checked, method: POST, path: /v1/checked, auth: required, body: {type: object},
     mock: {status: 200, body: {}}}
  - {id: counted, method: POST, path: /v1/counted, auth: none, body: {type: object},
     rate_limit: {requests: 1, seconds: 3600}, mock: {status: 200, body: {}}}
  - {id: keyed-checked, method: POST, path: /v1/keyed-checked, auth: none, body: {type: object},
     idempotency: true, mock: {status: 200, body: {}}}
  - {id: open-checked, method: POST, path: /v1/open-checked, auth: none, body: {type: object},
     mock: {status: 200, body: {}}}
"""
)
#: How a body is announced of which nothing comes, or next to nothing.
FRAMINGS = {
    "length": b"Content-Length: 500000\r\n\r\n{",
    "nothing of it": b"Content-Length: 500000\r\n\r\n",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n",
    "expect": b"Content-Length: 500000\r\nExpect: 100-continue\r\n\r\n",
}


def post(path: str, framing: bytes, *fields: bytes) -> bytes:
    head = [b"POST %b HTTP/1.1" % path.encode(), b"Host: a", b"Content-Type: application/json", *fields]
    return b"\r\n".join([*head, framing])


async def first_answer(running: Gateway, data: bytes) -> tuple[int, bytes]:
    """Status and head of the first answer, while nothing more is sent; the connection ends after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
    try:
        writer.write(data)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.read()
        return int(head.split()[1]), head
    finally:
        writer.close()


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
async def test_a_refusal_does_not_wait_for_the_body(tmp_path: Path, framing: bytes) -> None:
    async with (
        Server(saying(reply())).running() as services,
        gateway(tmp_path, services, routes=BODIED) as running,
    ):
        refusals = {
            "/v1/checked": 401,
            "/v1/keyed-checked": 400,
            "/v1/nowhere": 404,
            "/v1/fixed": 405,
        }
        for path, status in refusals.items():
            told, head = await first_answer(running, post(path, framing))
            assert (path, told) == (path, status)
            assert b"Connection: close" in head
        assert (await first_answer(running, post("/v1/checked", framing, b"Authorization: Bearer x")))[
            0
        ] == 401
        whole = post("/v1/counted", b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
        assert (await first_answer(running, whole))[0] == 200
        assert (await first_answer(running, post("/v1/counted", framing)))[0] == 429


async def test_who_is_let_in_is_asked_for_the_body(tmp_path: Path) -> None:
    body = json.dumps({"x": "x" * 100_000}).encode()
    async with (
        Server(saying(reply())).running() as services,
        gateway(tmp_path, services, routes=BODIED) as running,
    ):
        for expect in (b"", b"Expect: 100-continue\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
            framing = b"Content-Length: %d\r\n%b\r\n" % (len(body), expect)
            writer.write(post("/v1/open-checked", framing))
            async with asyncio.timeout(10):
                if expect:
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
                for start in range(0, len(body), 10_000):
                    writer.write(body[start : start + 10_000])
                    await writer.drain()
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            writer.close()


async def test_a_stderr_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    try:
        with os.fdopen(write, "wb") as log:
            async with (
                Server(saying(reply(500))).running() as services,
                gateway(tmp_path, services, output=log) as running,
            ):
                # Each leaves a line; together they are more than a pipe takes.
                for _ in range(20):
                    requests = b"".join(
                        b"GET /v1/%b HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in (b"none", b"open") * 20
                    )
                    answers = await running.raw(
                        requests + b"GET /v1/fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                    )
                    assert (answers.count(b"HTTP/1.1 404"), answers.count(b'{"fixed"')) == (20, 1)
                assert await running.ready()
        assert running.process.returncode == 0
    finally:
        os.close(read)
