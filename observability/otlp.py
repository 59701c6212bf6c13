"""OTLP's protobuf encoding of the spans that make up nearly all of a hop's: attributes, but neither events
nor links. What is the same from span to span is encoded once. Field numbers are those of trace.proto."""

import struct
from collections.abc import Mapping
from functools import lru_cache

from opentelemetry.trace import SpanContext, SpanKind, Status, TraceState

from observability.text import well_formed

#: Longer values repeat too rarely to be worth the memory.
CACHED_TEXT = 128
CACHED_PAIRS = 4096
CACHED_NAMES = 1024

_TIMES = struct.Struct("<BQBQ").pack
_DOUBLE = struct.Struct("<Bd").pack
_UNSET = b"\x7a\x00"
#: SpanFlags: whether the parent is remote is known; it is not, or it is.
_FLAGS_LOCAL = b"\x85\x01\x00\x01\x00\x00"
_FLAGS_REMOTE = b"\x85\x01\x00\x03\x00\x00"


def encode(
    context: SpanContext,
    parent: SpanContext | None,
    name: str,
    kind: SpanKind,
    times: tuple[int, int],
    attributes: Mapping[str, str | bool | int | float],
    status: Status,
) -> bytes:
    """A span as a message of `opentelemetry.proto.trace.v1.Span`.

    Args:
        times: start and end, nanoseconds since the epoch.
        attributes: integers have 64 bits.

    Raises:
        struct.error: a time is not one of 64 bits.
    """
    parts = [
        b"\x0a\x10",
        context.trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        context.span_id.to_bytes(8, "big"),
    ]
    if context.trace_state:
        parts.append(_trace_state(context.trace_state))
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
    parts += (_named(name, kind._value_), _times(*times))
    for key, value in attributes.items():
        kept = type(value) is not float and (type(value) is not str or len(value) <= CACHED_TEXT)
        parts.append(_kept_pair(key, value) if kept else _pair(key, value))
    parts.append(_status(status) if status.status_code.value else _UNSET)
    parts.append(_FLAGS_REMOTE if parent is not None and parent.is_remote else _FLAGS_LOCAL)
    return b"".join(parts)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field; `number` is at most 15."""
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _text(number: int, text: str) -> bytes:
    return field(number, well_formed(text).encode())


def _times(start: int, end: int) -> bytes:
    if start and end:
        return _TIMES(0x39, start, 0x41, end)
    return (struct.pack("<BQ", 0x39, start) if start else b"") + (
        struct.pack("<BQ", 0x41, end) if end else b""
    )


def _trace_state(state: TraceState) -> bytes:
    return _text(3, ",".join(f"{key}={value}" for key, value in state.items()))


@lru_cache(CACHED_NAMES)
def _named(name: str, kind: int) -> bytes:
    return (_text(5, name) if name else b"") + bytes((0x30, kind + 1))


def _pair(key: str, value: str | bool | int | float) -> bytes:
    match value:
        case str():
            content = _text(1, value)
        case bool():
            content = b"\x10\x01" if value else b"\x10\x00"
        case int():
            content = b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        case float():
            content = _DOUBLE(0x21, value)
    return field(9, _key(key) + field(2, content))


# Typed: 1, True and 1.0 are equal.
_kept_pair = lru_cache(CACHED_PAIRS, typed=True)(_pair)


@lru_cache(CACHED_NAMES)
def _key(key: str) -> bytes:
    return _text(1, key)


def _status(status: Status) -> bytes:
    message = _text(2, status.description) if status.description else b""
    return field(15, message + bytes((0x18, status.status_code.value)))
