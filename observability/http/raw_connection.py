"""Connections that speak another protocol than HTTP by now: bytes as they come, slowed by their reader."""

import asyncio
from collections.abc import Callable


class RawConnection(asyncio.Protocol):
    """A connection whose protocol was switched (RFC 9110, section 7.8), taken over from the HTTP protocol.

    Nothing is read of it until it is joined to another one, which then gets what it reads. While the other
    one has more to send than its transport buffers, nothing more is read here.

    Parameters:
        received: what was read behind the head.
        closing: called when this side closes it, to bound how long the other end may take for the rest.
        lost: called when it is closed.

    Attributes:
        received_bytes: how many came in all.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        received: bytes,
        closing: Callable[[], None],
        lost: Callable[[Exception | None], None],
    ) -> None:
        self.received_bytes = 0
        self._transport = transport
        self._received = received
        self._closing = closing
        self._lost = lost
        self._is_full = False
        self._other: RawConnection | None = None
        self._ended: Callable[[RawConnection], None] | None = None
        self._hold()
        transport.set_protocol(self)

    @property
    def unsent_bytes(self) -> int:
        """How many bytes were written and not yet taken by the operating system."""
        return self._transport.get_write_buffer_size()

    def join(self, other: "RawConnection", ended: Callable[["RawConnection"], None]) -> None:
        """Pass what comes on either to the other one, from now on.

        Parameters:
            ended: called with the one that its other end closes or breaks off, or that is closed.
        """
        self._other, other._other = other, self
        self._ended = other._ended = ended
        for each in (self, other):
            received, each._received = each._received, b""
            if received:
                each.data_received(received)
        for each in (self, other):
            if each._transport.is_closing():
                each._end()
            else:
                each._resume()

    def close(self) -> None:
        """Close it once what was written is sent; read nothing more."""
        if not self._transport.is_closing():
            self._closing()
            self._transport.close()

    def _hold(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        """Read on, if the other one has room."""
        if self._other is not None and not self._other._is_full and not self._transport.is_closing():
            self._transport.resume_reading()

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self)

    # --- what the transport calls

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self._other is not None and not self._other._transport.is_closing():
            self._other._transport.write(data)

    def pause_writing(self) -> None:
        self._is_full = True
        if self._other is not None:
            self._other._hold()

    def resume_writing(self) -> None:
        self._is_full = False
        if self._other is not None:
            self._other._resume()

    def eof_received(self) -> None:
        """The other end sends no more, which is the end of a WebSocket: the transport closes."""
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost(error)
        self._end()
        self._other = None
