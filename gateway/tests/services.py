"""Small real HTTP servers that misbehave on purpose, in the place of the services."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from gateway.service_client import HttpServiceClient
from gateway.service_client.metrics import ServiceMetrics
from observability import Telemetry


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the server got it; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """An answer, framed by its length."""
    lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def saying(*answers: bytes) -> Behaviour:
    """Answer with one after the other, the last of them for ever."""
    left = list(answers)

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return behave


async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Close the connection with a TCP reset."""
    writer.transport.abort()


def cut(after: bytes) -> Behaviour:
    """Write that and close."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        writer.close()

    return behave


def stall(after: bytes) -> Behaviour:
    """Write that and nothing more, and keep the connection."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await asyncio.Event().wait()

    return behave


hang = stall(b"")


async def trickle(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Send a body that never ends, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


class Server:
    """A server that behaves in one way and remembers what it was asked."""

    def __init__(self, behave: Behaviour) -> None:
        self.asked: list[Asked] = []
        self._behave = behave

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The server's URL while it runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                asked = await _read(reader)
                self.asked.append(asked)
                await self._behave(asked, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if "transfer-encoding" in headers:
        return Asked(method, target, headers, await chunked(reader))
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def chunked(reader: asyncio.StreamReader) -> bytes:
    """The rest of a message, which is a body in chunks."""
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


@asynccontextmanager
async def service_of(
    behave: Behaviour, telemetry: Telemetry
) -> AsyncIterator[tuple[HttpServiceClient, Server]]:
    """A client and the server that it calls, whatever the service; the client has metrics of its own."""
    server = Server(behave)
    async with server.running() as url:
        client = HttpServiceClient(url, "secret", telemetry, ServiceMetrics(CollectorRegistry()))
        try:
            yield client, server
        finally:
            await client.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait, for 10 s at most, until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it may be about another process
            await asyncio.sleep(0.01)
