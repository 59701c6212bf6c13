"""A Tornado service with a WebSocket and an event stream, behind a gateway that passes both through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx
from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from gateway.cors import Cors
from gateway.service_client import HttpServiceClient
from gateway.tests.api import Api, answering, running
from observability import Telemetry
from observability.http.client import Origin

ROUTES = """\
services: {{defaults: {{timeout_seconds: 0.5, retries: {{attempts: 1}}}}}}
routes:
  - id: chat
    method: GET
    path: /chat
    deadline_seconds: 20
    {options}
    proxy: {{service: orders, path: /chat, timeout_seconds: 20, websocket: {limits}}}
  - id: news
    method: GET
    path: /news
    {options}
    proxy: {{service: orders, path: /news, timeout_seconds: {timeout}, event_stream: {limits}}}
  - {{id: plain, method: GET, path: /plain, proxy: {{service: orders, path: /chat}}}}
"""


class Chat(WebSocketHandler):
    """Sends each message back; does as the query says.

    Attributes:
        service: what is open, and what came.
    """

    def initialize(self, service: "Service") -> None:
        self.service = service

    async def prepare(self) -> None:
        if self.get_argument("refuse", None) is not None:
            raise HTTPError(403, reason="Not you")

    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    def open(self, *_: str, **__: str) -> None:
        self.service.open.append(self)

    async def on_message(self, message: str | bytes) -> None:
        await self.service.reading.wait()
        self.service.received.append(len(message))
        await self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.service.closed += 1


class News(RequestHandler):
    """An event stream, whose events the test gives."""

    def initialize(self, service: "Service") -> None:
        self.service = service

    async def get(self) -> None:
        self.set_header("Content-Type", self.get_argument("type", "text/event-stream; charset=utf-8"))
        await self.flush()
        try:
            while (event := await self.service.events.get()) is not None:
                self.write(event)
                await self.flush()
        except StreamClosedError:
            self.service.closed += 1

    def on_connection_close(self) -> None:
        self.service.closed += 1
        self.service.events.put_nowait(None)


class Service:
    """The service, and what it saw."""

    everything: ClassVar[list[tuple[str, type[RequestHandler]]]] = [("/chat", Chat), ("/news", News)]

    def __init__(self) -> None:
        self.open: list[Chat] = []
        self.closed = 0
        self.received: list[int] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.events: asyncio.Queue[str | None] = asyncio.Queue()
        self.requests: list[Any] = []
        handlers = [(path, handler, {"service": self}) for path, handler in self.everything]
        self._application = Application(handlers, log_function=self.requests.append)  # type: ignore[arg-type]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The service's URL while it runs."""
        server = HTTPServer(self._application)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        try:
            yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        finally:
            server.stop()
            await server.close_all_connections()


def routes(limits: str = "{}", options: str = "auth: none", timeout: float = 20) -> str:
    return ROUTES.format(limits=limits, options=options, timeout=timeout)


@asynccontextmanager
async def passed_through(
    telemetry: Telemetry, folder: Path, text: str, cors: Cors | None = None
) -> AsyncIterator[tuple[Api, Service]]:
    """A gateway with these routes before that service."""
    service = Service()
    async with (
        service.running() as url,
        running(telemetry, folder, text, answering({}), cors=cors) as api,
    ):
        service_client = api.context.service_client
        assert isinstance(service_client, HttpServiceClient)
        service_client._origin = Origin.of(url)
        yield api, service
        api.context.long_lived.end_all()


def port_of(api: Api) -> int:
    port = httpx.URL(api.url).port
    assert port is not None
    return port


def value_of(api: Api, name: str, **labels: str) -> float:
    """Of one of the gateway's own series."""
    metric = getattr(api.context.metrics, name)
    registry = CollectorRegistry()
    registry.register(metric)
    names = (name for name in (metric._name, f"{metric._name}_total"))
    found = (registry.get_sample_value(each, labels) for each in names)
    return next((value for value in found if value is not None), 0.0)
