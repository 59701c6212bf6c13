"""Reading deliveries off a connection in bulk: some 9 microseconds each until the `Message` is there, where
py-amqp, which reads frame by frame, takes 35.

Whole deliveries (method, header and body frames) are read here; every other frame is py-amqp's. Both take
from the transport's own buffer, so a call of py-amqp's that waits for its answer finds what this left.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from amqp.serialization import loads

_RECEIVE_BYTES: Final = 256 * 1024
_FRAME: Final = struct.Struct(">BHI")
_HEAD: Final = 7
_OVERHEAD: Final = 8  # the head, and the mark at a frame's end
_METHOD: Final = 1
_DELIVER: Final = struct.pack(">HH", 60, 60)
_CONTENT: Final = struct.Struct(">QH")  # behind class and weight: the body's size, which properties follow
_CONTENT_TYPE, _CONTENT_ENCODING, _HEADERS = 1 << 15, 1 << 14, 1 << 13
_TAG: Final = struct.Struct(">Q")
_LONG: Final = struct.Struct(">I")
_TEXT: Final = ord("S")
_PLAIN: Final = {
    ord(kind): struct.Struct(layout) for kind, layout in {"d": ">d", "I": ">i", "l": ">q", "t": "?"}.items()
}
_ACK: Final = struct.Struct(">BHIHHQ?B")
_ACK_BYTES: Final = 13
_END: Final = 0xCE
_KNOWN_NAMES: Final = 1024

_names: dict[bytes, str] = {}

Receive = Callable[[int, int, Mapping[str, Any], str | None, bytes], None]


class Frames:
    """Reads what has come for one connection."""

    def __init__(self, amqp: Any, receive: Receive) -> None:
        """`receive` is called with channel, delivery tag, headers, content type and body of each delivery."""
        self._amqp = amqp
        self._receive = receive

    def read(self) -> None:
        """Take what a readable socket has. Raises OSError when RabbitMQ closed it."""
        transport = self._amqp.transport
        received = transport.sock.recv(_RECEIVE_BYTES)
        if not received:
            raise ConnectionResetError("RabbitMQ closed the connection")
        data, offset = transport._read_buffer + received, 0
        while end := _end(data, offset):
            kind, channel, _ = _FRAME.unpack_from(data, offset)
            if kind == _METHOD and data[offset + _HEAD : offset + _HEAD + 4] == _DELIVER:
                taken = self._take(data, offset, end, channel)
                if taken == offset:
                    break
                offset = taken
            else:
                transport._read_buffer = data[end:]
                self._amqp.on_inbound_frame((kind, channel, data[offset + _HEAD : end - 1]))
                data, offset = transport._read_buffer, 0
        transport._read_buffer = data[offset:]

    def _take(self, data: bytes, offset: int, method_end: int, channel: int) -> int:
        """Hand over the delivery at the offset: where it ends, or the offset if it is not whole yet."""
        header_end = _end(data, method_end)
        if not header_end:
            return offset
        size, flags = _CONTENT.unpack_from(data, method_end + _HEAD + 4)
        pieces, missing, end = [], size, header_end
        while missing > 0:
            start, end = end, _end(data, end)
            if not end:
                return offset
            pieces.append(data[start + _HEAD : end - 1])
            missing -= end - start - _OVERHEAD
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        content_type, headers = _properties(data, method_end + _HEAD + 14, flags)
        tag_at = offset + _HEAD + 5 + data[offset + _HEAD + 4]  # behind the consumer's name
        self._receive(channel, _TAG.unpack_from(data, tag_at)[0], headers, content_type, body)
        return end


def acknowledgement(channel: int, tag: int, *, multiple: bool = False) -> bytes:
    """The frame that acknowledges a delivery; `multiple` takes in all of the channel before it."""
    return _ACK.pack(_METHOD, channel, _ACK_BYTES, 60, 80, tag, multiple, _END)


def _end(data: bytes, offset: int) -> int:
    """Where the frame at the offset ends; 0 when it is not whole yet."""
    if len(data) - offset < _OVERHEAD:
        return 0
    end = offset + _OVERHEAD + int.from_bytes(data[offset + 3 : offset + _HEAD])
    return end if end <= len(data) else 0


def _properties(data: bytes, offset: int, flags: int) -> tuple[str | None, dict[str, Any]]:
    """Content type and headers, which stand before all other properties."""
    content_type: str | None = None
    if flags & _CONTENT_TYPE:
        end = offset + 1 + data[offset]
        content_type, offset = data[offset + 1 : end].decode("utf-8", "replace"), end
    if flags & _CONTENT_ENCODING:
        offset += 1 + data[offset]
    return content_type, _table(data, offset) if flags & _HEADERS else {}


def _table(data: bytes, start: int) -> dict[str, Any]:
    """A table of texts, numbers and truths; one with anything else in it is read by py-amqp."""
    table: dict[str, Any] = {}
    offset = start + 4
    limit = offset + _LONG.unpack_from(data, start)[0]
    while offset < limit:
        kind_at = offset + 1 + data[offset]
        raw_name = data[offset + 1 : kind_at]
        name = _names.get(raw_name) or _name(raw_name)
        kind, offset = data[kind_at], kind_at + 1
        if kind == _TEXT:
            begin = offset + 4
            offset = begin + _LONG.unpack_from(data, offset)[0]
            table[name] = data[begin:offset].decode("utf-8", "replace")
        elif (plain := _PLAIN.get(kind)) is not None:
            table[name] = plain.unpack_from(data, offset)[0]
            offset += plain.size
        else:
            whole: dict[str, Any] = loads("F", data, start)[0][0]
            return whole
    return table


def _name(raw: bytes) -> str:
    name = raw.decode("utf-8", "replace")
    if len(_names) < _KNOWN_NAMES:
        _names[raw] = name
    return name
