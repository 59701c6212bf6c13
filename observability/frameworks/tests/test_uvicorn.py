"""Answers of uvicorn to malformed HTTP messages."""

import asyncio
import json
import socket

import uvicorn

from observability.frameworks.uvicorn import ProblemProtocol


async def nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("it is no request")


async def test_a_malformed_message_is_told_as_a_problem() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(nothing, http=ProblemProtocol, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
    finally:
        server.should_exit = True
        await serving
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 400 Bad Request"
    assert sum(line.startswith("Date: ") for line in lines) == 1
    assert "Content-Type: application/problem+json" in lines
    assert json.loads(body)["status"] == 400
