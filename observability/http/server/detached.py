"""Connections that an application takes over, as it does for WebSockets."""

import asyncio
import os
import socket

from tornado.iostream import IOStream


class DetachedStream(IOStream):
    """A Tornado stream on the connection of a transport, from which something was read already.

    The transport has still to send what it was given, and to close, which leaves the connection open: until
    `release` is called nothing is sent here.
    """

    def __init__(self, transport: asyncio.Transport, received: bytes) -> None:
        own = transport.get_extra_info("socket")
        kept = socket.socket(fileno=os.dup(own.fileno()))
        self._unread = memoryview(received)
        self._is_released = False
        transport.close()
        super().__init__(kept)

    def release(self) -> None:
        """The transport has sent everything."""
        self._is_released = True

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read what was read already, then from the connection."""
        if not self._unread:
            return super().read_from_fd(buf)
        count = min(len(buf), len(self._unread))
        buf[:count] = self._unread[:count]
        self._unread = self._unread[count:]
        return count

    def write_to_fd(self, data: memoryview) -> int:
        """Send some of this, or nothing yet."""
        return super().write_to_fd(data) if self._is_released else 0
