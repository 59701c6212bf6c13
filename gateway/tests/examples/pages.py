"""Pages of a team's own on the gateway's port."""

import asyncio
from typing import ClassVar

from tornado.web import Application
from tornado.websocket import WebSocketHandler

from gateway.draining import GRACE_SECONDS
from observability.frameworks.tornado import Handler, NotFound


class Greeting(Handler):
    """A page with a span, an access line and metrics, as every request of the platform has."""

    def get(self, name: str) -> None:
        self.finish(
            {"hello": name, "address": self.request.remote_ip, "user": self.request.headers.get("X-User-Id")}
        )


class Report(Handler):
    """A page that takes longer than a process that stops takes new requests."""

    async def get(self) -> None:
        self.write("begun, ")
        await self.flush()
        await asyncio.sleep(GRACE_SECONDS + 0.5)
        self.finish("done")


class Chat(WebSocketHandler):
    """Sends each message of a client to all clients."""

    everybody: ClassVar[set["Chat"]] = set()

    def open(self, *_: str, **__: str) -> None:
        self.everybody.add(self)

    def on_message(self, message: str | bytes) -> None:
        for each in self.everybody:
            each.write_message(message)

    def on_close(self) -> None:
        self.everybody.discard(self)


def make_application() -> Application:
    """The application that routes.yaml names."""
    return Application(
        [("/pages/(.*)", Greeting), ("/report", Report), ("/chat", Chat)], default_handler_class=NotFound
    )
