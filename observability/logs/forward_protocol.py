"""Fluentd's Forward protocol: messages in Forward mode, and their acknowledgement."""

import socket
import struct
import time

import msgspec

#: The collector acknowledges what its queue on disk has; while that is full, it does not.
ACKNOWLEDGE_SECONDS = 10.0

_SECOND = 1_000_000_000  # in nanoseconds
_EVENT_TIME = struct.Struct(">BBII").pack
_ARRAY_32 = struct.Struct(">BI").pack
#: Longer than any acknowledgement of ours.
_MAX_ANSWER_BYTES = 1024


class _Acknowledgement(msgspec.Struct):
    ack: str


_decode_acknowledgement = msgspec.msgpack.Decoder(_Acknowledgement).decode


def head(tag: str) -> bytes:
    """The beginning of a message: an array of the tag, the entries and the options."""
    return b"\x93" + msgspec.msgpack.encode(tag)


def entry(at: int, fields: bytes) -> bytes:
    """An entry of a message.

    Args:
        at: when the record was made, in nanoseconds since the epoch.
        fields: the record's, as a MessagePack map.
    """
    return b"".join((b"\x92", _EVENT_TIME(0xD7, 0, at // _SECOND, at % _SECOND), fields))


def message(head: bytes, entries: list[bytes], chunk: str) -> bytes:
    """A message that is to be acknowledged.

    Args:
        head: its beginning.
        chunk: names it in the acknowledgement.
    """
    options = msgspec.msgpack.encode({"chunk": chunk})
    return b"".join((head, _ARRAY_32(0xDD, len(entries)), *entries, options))


def await_acknowledgement(connection: socket.socket, chunk: str) -> None:
    """Read the answer to a message.

    Raises:
        OSError: there is none in time, or it is another.
    """
    deadline = time.monotonic() + ACKNOWLEDGE_SECONDS
    answer = b""
    while len(answer) < _MAX_ANSWER_BYTES:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        if not (more := connection.recv(_MAX_ANSWER_BYTES)):
            raise ConnectionResetError("the collector closed the connection before its acknowledgement")
        answer += more
        try:
            acknowledged = _decode_acknowledgement(answer).ack
        except msgspec.DecodeError:  # the end of it is still to come
            continue
        if acknowledged == chunk:
            return
        break
    raise ConnectionAbortedError("the collector did not acknowledge the records")
