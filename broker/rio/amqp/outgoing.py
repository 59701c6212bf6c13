"""A message to be published, and the AMQP frames that say so.

py-amqp takes four times as long to encode one message, and a call of the socket for each: from here many go
out with one. Everything else on the connection stays py-amqp's.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from amqp.serialization import dumps

_METHOD, _HEADER, _BODY = 1, 2, 3
_FRAME: Final = struct.Struct(">BHI")
_END: Final = b"\xce"
_OVERHEAD: Final = 8
_PUBLISH: Final = struct.pack(">HHH", 60, 40, 0)
_CONTENT: Final = struct.Struct(">HHQH")
_BASIC: Final = 60
_CONTENT_TYPE, _HEADERS, _DELIVERY_MODE, _CORRELATION_ID = 1 << 15, 1 << 13, 1 << 12, 1 << 10
_PERSISTENT: Final = b"\x02"
_LONG: Final = struct.Struct(">I")
_TEXT: Final = struct.Struct(">cI")
_REAL: Final = struct.Struct(">cd")
_WHOLE: Final = struct.Struct(">ci")
_TRUTH: Final = struct.Struct(">cB")
_MAX_WHOLE: Final = 2**31 - 1
_KNOWN: Final = 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message and where it goes."""

    exchange: str
    routing_key: str
    headers: Mapping[str, Any]
    content_type: str | None
    body: bytes
    mandatory: bool = True
    """Whether to find out if any queue takes it."""


class Encoder:
    """Makes frames of messages for one channel."""

    def __init__(self, channel_id: int, frame_max: int) -> None:
        """`frame_max`: the largest frame RabbitMQ takes, in bytes."""
        self._channel = channel_id
        self._room = frame_max - _OVERHEAD
        self._publish = lru_cache(_KNOWN)(self._publish_frame)

    def encode(self, outgoing: Outgoing, number: int) -> bytes:
        """A persistent message. A mandatory one carries its number: returned messages come back without
        their delivery tag."""
        flags = _HEADERS | _DELIVERY_MODE
        content_type = correlation_id = b""
        if outgoing.content_type is not None:
            flags |= _CONTENT_TYPE
            content_type = _short(outgoing.content_type)
        if outgoing.mandatory:
            flags |= _CORRELATION_ID
            correlation_id = _short(str(number))
        body = outgoing.body
        content = _CONTENT.pack(_BASIC, 0, len(body), flags)
        header = b"".join((content, content_type, _table(outgoing.headers), _PERSISTENT, correlation_id))
        frames = [
            self._publish(outgoing.exchange, outgoing.routing_key, outgoing.mandatory),
            *self._frame(_HEADER, header),
        ]
        for start in range(0, len(body), self._room):
            frames += self._frame(_BODY, body[start : start + self._room])
        return b"".join(frames)

    def _publish_frame(self, exchange: str, routing_key: str, mandatory: bool) -> bytes:
        bits = b"\x01" if mandatory else b"\x00"
        return b"".join(self._frame(_METHOD, _PUBLISH + _short(exchange) + _short(routing_key) + bits))

    def _frame(self, kind: int, payload: bytes) -> tuple[bytes, bytes, bytes]:
        return _FRAME.pack(kind, self._channel, len(payload)), payload, _END


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


@lru_cache(_KNOWN)
def _name(text: str) -> bytes:
    return _short(text)


def _table(headers: Mapping[str, Any]) -> bytes:
    """A table of texts, numbers and truths; one with anything else in it is py-amqp's."""
    pieces = [b""]
    for name, value in headers.items():
        pieces.append(_name(name))
        kind = type(value)
        if kind is str:
            encoded = value.encode("utf-8", "surrogatepass")
            pieces += (_TEXT.pack(b"S", len(encoded)), encoded)
        elif kind is float:
            pieces.append(_REAL.pack(b"d", value))
        elif kind is int and abs(value) <= _MAX_WHOLE:
            pieces.append(_WHOLE.pack(b"I", value))
        elif kind is bool:
            pieces.append(_TRUTH.pack(b"t", value))
        else:
            whole: bytes = dumps("F", [dict(headers)])
            return whole
    table = b"".join(pieces)
    return _LONG.pack(len(table)) + table
