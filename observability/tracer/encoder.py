"""Encodes spans that have attributes with primitive values, and no events, as OTLP messages.

Names, keys and attributes that repeat from span to span are cached. Field numbers are those of OTLP's
trace.proto.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache

from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceState

from observability.tracer.protobuf import field, text, varint

#: Longer values repeat too rarely to be worth the memory.
CACHED_TEXT = 128
CACHED_ATTRIBUTES = 4096
CACHED_NAMES = 1024

#: An attribute's value that is no array (OpenTelemetry's primitive types).
Primitive = str | bool | int | float

_TIMES = struct.Struct("<BQBQ").pack
TRACE = b"\x0a\x10"
SPAN = b"\x12\x08"
PARENT = b"\x22\x08"
_DOUBLE = struct.Struct("<Bd").pack
#: The status of nearly every span.
UNSET = Status(StatusCode.UNSET)
UNSET_STATUS = b"\x7a\x00"
#: SpanFlags: whether the parent is remote is known; it is not, or it is.
FLAGS_LOCAL = b"\x85\x01\x00\x01\x00\x00"
FLAGS_REMOTE = b"\x85\x01\x00\x03\x00\x00"
_LINK_LOCAL = b"\x35\x00\x01\x00\x00"
_LINK_REMOTE = b"\x35\x00\x03\x00\x00"


def encode(
    context: SpanContext,
    parent: SpanContext | None,
    name: str,
    kind: SpanKind,
    start_and_end: tuple[int, int],
    attributes: Mapping[str, Primitive],
    status: Status,
) -> bytes:
    """A span as a message of `opentelemetry.proto.trace.v1.Span`.

    Args:
        start_and_end: nanoseconds since the epoch.
        attributes: integers have 64 bits.

    Raises:
        struct.error: a time is not one of 64 bits.
    """
    parts = ids(context, parent)
    parts += (name_and_kind(name, kind), times(*start_and_end))
    parts += [attribute(key, value) for key, value in attributes.items()]
    parts.append(status_and_flags(status, parent))
    return b"".join(parts)


def ids(context: SpanContext, parent: SpanContext | None) -> list[bytes]:
    """The first fields of a span: trace id, span id, trace state and parent's id."""
    trace_id, span_id, _, _, state, _ = context
    parts = [TRACE, trace_id.to_bytes(16, "big"), SPAN, span_id.to_bytes(8, "big")]
    if state:
        parts.append(_trace_state(state))
    if parent is not None:
        parts += (PARENT, parent[1].to_bytes(8, "big"))
    return parts


def name_and_kind(name: str, kind: SpanKind) -> bytes:
    """The fields of a span's name and kind."""
    return _name_and_kind(name, kind._value_)


def attribute(key: str, value: Primitive) -> bytes:
    """The field of an attribute, from a cache if its value is likely to repeat."""
    if type(value) is float or (type(value) is str and len(value) > CACHED_TEXT):
        return _attribute(key, value)
    return cached_attribute(key, value)


def link_field(to: SpanContext) -> bytes:
    """The field of a link without attributes."""
    ids = (b"\x6a\x21\x0a\x10", to.trace_id.to_bytes(16, "big"), b"\x12\x08", to.span_id.to_bytes(8, "big"))
    return b"".join((*ids, _LINK_REMOTE if to.is_remote else _LINK_LOCAL))


def status_and_flags(status: Status, parent: SpanContext | None) -> bytes:
    """The last fields of a span: its status, and whether its parent is remote."""
    flags = FLAGS_REMOTE if parent is not None and parent[2] else FLAGS_LOCAL
    return (UNSET_STATUS if status is UNSET else _status(status.status_code, status.description)) + flags


def times(start: int, end: int) -> bytes:
    """The fields of a span's start and end, nanoseconds since the epoch.

    Raises:
        struct.error: a time is not one of 64 bits.
    """
    if start and end:
        return _TIMES(0x39, start, 0x41, end)
    return (struct.pack("<BQ", 0x39, start) if start else b"") + (
        struct.pack("<BQ", 0x41, end) if end else b""
    )


def _trace_state(state: TraceState) -> bytes:
    return text(3, ",".join(f"{key}={value}" for key, value in state.items()))


@lru_cache(CACHED_NAMES)
def _name_and_kind(name: str, kind: int) -> bytes:
    return (text(5, name) if name else b"") + bytes((0x30, kind + 1))


def _attribute(key: str, value: Primitive) -> bytes:
    match value:
        case str():
            content = text(1, value)
        case bool():
            content = b"\x10\x01" if value else b"\x10\x00"
        case int():
            content = b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        case float():
            content = _DOUBLE(0x21, value)
    return field(9, encoded_key(key) + field(2, content))


# Typed: 1, True and 1.0 are equal.
cached_attribute = lru_cache(CACHED_ATTRIBUTES, typed=True)(_attribute)


@lru_cache(CACHED_NAMES)
def encoded_key(key: str) -> bytes:
    return text(1, key)


@lru_cache(CACHED_NAMES)
def _status(code: StatusCode, description: str | None) -> bytes:
    if code is StatusCode.UNSET:
        return UNSET_STATUS
    message = text(2, description) if description else b""
    return field(15, message + bytes((0x18, code.value)))
