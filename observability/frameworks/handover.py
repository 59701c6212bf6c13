"""Connections that somebody else began to read, on their way to Tornado."""

import asyncio
import os
import socket

from tornado.iostream import IOStream


class Begun(IOStream):
    """A stream of which something has been read already."""

    def __init__(self, connection: socket.socket, received: bytes) -> None:
        self._received = memoryview(received)
        super().__init__(connection)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if not self._received:
            return super().read_from_fd(buf)
        count = min(len(buf), len(self._received))
        buf[:count] = self._received[:count]
        self._received = self._received[count:]
        return count


def dismiss(transport: asyncio.Transport) -> socket.socket:
    """Close a transport but not its connection, which is free once `connection_lost` was called."""
    own = transport.get_extra_info("socket")
    kept = socket.socket(fileno=os.dup(own.fileno()))
    transport.close()
    return kept
