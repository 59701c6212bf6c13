"""GET /tail: live events as they are accepted."""

import contextlib

from pydantic import Field
from tornado.iostream import StreamClosedError

from broker.rio.admin.description import Answer, Document, Pattern, operation, read_query
from broker.rio.admin.handler import RioHandler
from broker.rio.flow.watching import MEDIA, Tail
from broker.rio.model.sender import Senders


class TailQuery(Document):
    """What GET /tail is asked."""

    type: Pattern = Field(default="#", description="pattern of event types")


class TailHandler(RioHandler):
    """/tail."""

    def initialize(self, senders: Senders, tail: Tail) -> None:
        self.senders = senders
        self.tail = tail

    @operation(
        "Watch events as they are accepted: those that the sender may read, an admin and a viewer all",
        query=TailQuery,
        answers={200: Answer({"type": "string"}, MEDIA)},
    )
    async def get(self) -> None:
        query = read_query(self, TailQuery)
        with self.tail.watching(query.type, self._may_read) as watcher:
            self._watcher = watcher
            await self.tail.flowing()
            self.set_header("Content-Type", MEDIA)
            self.set_header("Cache-Control", "no-store")
            self.set_header("X-Accel-Buffering", "no")
            if self.request.method == "HEAD":
                return
            with contextlib.suppress(StreamClosedError):
                async for line in watcher.lines():
                    self.write(line)
                    await self.flush()

    def _may_read(self, type_: str) -> bool:
        """By the rights that the sender has now: it may lose them while it watches."""
        sender = self.senders.named(self.sender.name)
        return sender is not None and sender.may_read(type_)

    def on_connection_close(self) -> None:
        """The watcher went away."""
        super().on_connection_close()
        if watcher := getattr(self, "_watcher", None):
            watcher.end()
