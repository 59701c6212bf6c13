"""OTLP's protobuf encoding of the spans that make up nearly all of a hop's: attributes, but neither events
nor links. What is the same from span to span is encoded once. Field numbers are those of trace.proto."""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

from observability.text import well_formed

#: Longer values repeat too rarely to be worth the memory.
CACHED_TEXT = 128
#: Below it lengths have one byte.
SHORT_TEXT = 124
CACHED_PAIRS = 4096
CACHED_NAMES = 1024
#: Numbers below it are remembered as the end of a span: statuses.
SMALL = 1000

Plain = str | bool | int | float

_IDS = struct.Struct(">2s16s2sQ2sQ").pack
_ROOT_IDS = struct.Struct(">2s16s2sQ").pack
_TIMES = struct.Struct("<BQBQ").pack
_TRACE = b"\x0a\x10"
_SPAN = b"\x12\x08"
_PARENT = b"\x22\x08"
_DOUBLE = struct.Struct("<Bd").pack
#: What nearly every span has.
UNSET = Status(StatusCode.UNSET)
_TOLD_UNSET = b"\x7a\x00"
#: SpanFlags: whether the parent is remote is known; it is not, or it is.
_FLAGS_LOCAL = b"\x85\x01\x00\x01\x00\x00"
_FLAGS_REMOTE = b"\x85\x01\x00\x03\x00\x00"
_LINK_LOCAL = b"\x35\x00\x01\x00\x00"
_LINK_REMOTE = b"\x35\x00\x03\x00\x00"


def encode(
    context: SpanContext,
    parent: SpanContext | None,
    name: str,
    kind: SpanKind,
    start_and_end: tuple[int, int],
    attributes: Mapping[str, Plain],
    status: Status,
) -> bytes:
    """A span as a message of `opentelemetry.proto.trace.v1.Span`.

    Args:
        start_and_end: nanoseconds since the epoch.
        attributes: integers have 64 bits.

    Raises:
        struct.error: a time is not one of 64 bits.
    """
    parts = identity(context, parent)
    parts += (named(name, kind), times(*start_and_end))
    parts += [pair(key, value) for key, value in attributes.items()]
    parts.append(ending(status, parent))
    return b"".join(parts)


def identity(context: SpanContext, parent: SpanContext | None) -> list[bytes]:
    """The fields of a span that come first: its ids, state and parent."""
    trace_id, span_id, _, _, state, _ = context
    parts = [_TRACE, trace_id.to_bytes(16, "big"), _SPAN, span_id.to_bytes(8, "big")]
    if state:
        parts.append(_trace_state(state))
    if parent is not None:
        parts += (_PARENT, parent[1].to_bytes(8, "big"))
    return parts


def named(name: str, kind: SpanKind) -> bytes:
    """The fields of a span's name and kind."""
    return _named(name, kind._value_)


def pair(key: str, value: Plain) -> bytes:
    """The field of an attribute."""
    if type(value) is float or (type(value) is str and len(value) > CACHED_TEXT):
        return _pair(key, value)
    return _kept_pair(key, value)


class SpanRecord:
    """A span without state and status, of which nothing was said but one attribute at its end, at most.

    Attributes:
        trace_id: big-endian, as are the other ids.
        parent_id: None where it begins the trace.
        remote: whether the parent is.
        started: nanoseconds since the epoch, as is `ended`.
        values: of its shape's variables; it has not got one that is None.
        last: value of its shape's last attribute; None where it has not got it.
    """

    __slots__ = ("ended", "last", "parent_id", "remote", "span_id", "started", "trace_id", "values")

    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    remote: bool
    started: int
    ended: int
    values: tuple[Plain | None, ...]
    last: Plain | None


B = TypeVar("B", bound=SpanRecord)


class Shape:
    """What the spans of one place in the code have in common, encoded.

    Args:
        name: of the spans.
        kind: of the spans.
        constants: the attributes all of them have.
        variables: names of the attributes that differ and come after those; of at most some 80 characters.
        last: name of the attribute that a brief span may end with.
        takes: whether an attribute is one that can be encoded here.
        longest: characters that a value may have.
    """

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        constants: Mapping[str, Plain],
        variables: Sequence[str],
        last: str | None,
        takes: Callable[[str, Plain], bool],
        longest: int,
    ) -> None:
        self._named = named(name, kind)
        self._constants = b"".join([pair(key, value) for key, value in constants.items()])
        self._variables = [(key, _heads_of_texts(key)) for key in variables]
        #: Of the only variable, where there is one: a shorter way.
        self._heads = self._variables[0][1] if len(self._variables) == 1 else None
        self._last = last
        self._endings: dict[Plain | None, bytes] = {None: _TOLD_UNSET + _FLAGS_LOCAL}
        self._endings_remote: dict[Plain | None, bytes] = {None: _TOLD_UNSET + _FLAGS_REMOTE}
        self._takes = takes
        self._short = min(SHORT_TEXT, longest + 1)
        rest = f"{len(self._named)}sBQBQ{len(self._constants)}s"
        self._pack = struct.Struct("<2s16s2s8s2s8s" + rest).pack
        self._pack_root = struct.Struct("<2s16s2s8s" + rest).pack

    def briefs(self, spans: Sequence[B]) -> tuple[list[bytes], list[B]]:
        """Spans as `encode` encodes them, and those that are not: they have a value that is not taken."""
        pack, pack_root, named, constants = self._pack, self._pack_root, self._named, self._constants
        short, heads = self._short, self._heads
        encoded: list[bytes] = []
        others: list[B] = []
        for span in spans:
            if span.parent_id is None:
                packed = pack_root(
                    _TRACE, span.trace_id, _SPAN, span.span_id,
                    named, 0x39, span.started, 0x41, span.ended, constants,
                )  # fmt: skip
            else:
                packed = pack(
                    _TRACE, span.trace_id, _SPAN, span.span_id, _PARENT, span.parent_id,
                    named, 0x39, span.started, 0x41, span.ended, constants,
                )  # fmt: skip
            last = span.last
            endings = self._endings_remote if span.remote else self._endings
            ending = endings.get(last) if type(last) is int or last is None else None
            if ending is None:
                ending = self._ending(last, endings)
            values = span.values
            if not values:
                encoded.append(packed + ending)
            elif heads and type(text := values[0]) is str and len(text) < short and text.isascii():
                encoded.append(b"".join((packed, heads[len(text)], text.encode(), ending)))
            elif self._vary(parts := [packed], values):
                encoded.append(b"".join((*parts, ending)))
            else:
                others.append(span)
        return encoded, others

    def _ending(self, last: Plain | None, endings: dict[Plain | None, bytes]) -> bytes:
        """What comes last in a brief span; remembered of small numbers, such as a status is."""
        ending = endings[None]
        if last is not None and self._last is not None:
            ending = pair(self._last, last) + ending
        if type(last) is int and 0 <= last < SMALL:
            endings[last] = ending
        return ending

    def encode(
        self,
        context: SpanContext,
        parent: SpanContext | None,
        start_and_end: tuple[int, int],
        values: Sequence[Plain | None],
        later: Mapping[str, Plain],
        links: Sequence[Link],
        status: Status,
    ) -> bytes | None:
        """A span as `encode` encodes it; None where a value is not one that is taken.

        Args:
            values: of the variables; a span has not got one that is None.
            later: attributes that come after all others.
            links: without attributes.
        """
        trace_id, span_id, _, _, state, _ = context
        start, end = start_and_end
        if not state and start and end:  # as of nearly all: without a call
            if parent is None:
                ids = _ROOT_IDS(_TRACE, trace_id.to_bytes(16, "big"), _SPAN, span_id)
            else:
                ids = _IDS(_TRACE, trace_id.to_bytes(16, "big"), _SPAN, span_id, _PARENT, parent[1])
            parts = [ids, self._named, _TIMES(0x39, start, 0x41, end), self._constants]
        else:
            parts = [*identity(context, parent), self._named, times(start, end), self._constants]
        if not self._vary(parts, values):
            return None
        append = parts.append
        for key, value in later.items():
            append(_kept_pair(key, value) if type(value) is int else pair(key, value))
        for to in links:
            append(link(to.context))
        append(ending(status, parent))
        return b"".join(parts)

    def _vary(self, parts: list[bytes], values: Sequence[Plain | None]) -> bool:
        """Add the variable attributes; False where one is not taken."""
        append, short = parts.append, self._short
        for (key, heads), value in zip(self._variables, values, strict=True):
            if value is None:
                continue
            if type(value) is str and len(value) < short and value.isascii():
                append(heads[len(value)])
                append(value.encode())
            elif self._takes(key, value):
                append(pair(key, value))
            else:
                return False
        return True


def _heads_of_texts(key: str) -> list[bytes]:
    """What comes before a text in an attribute's field, by the length of the text: texts that differ from
    span to span are not worth remembering."""
    encoded = _key(key)
    return [
        head(9, len(encoded) + 4 + size) + encoded + bytes((0x12, 2 + size, 0x0A, size))
        for size in range(SHORT_TEXT)
    ]


def link(to: SpanContext) -> bytes:
    """The field of a link without attributes."""
    ids = (b"\x6a\x21\x0a\x10", to.trace_id.to_bytes(16, "big"), b"\x12\x08", to.span_id.to_bytes(8, "big"))
    return b"".join((*ids, _LINK_REMOTE if to.is_remote else _LINK_LOCAL))


def ending(status: Status, parent: SpanContext | None) -> bytes:
    """The fields of a span that come last."""
    flags = _FLAGS_REMOTE if parent is not None and parent[2] else _FLAGS_LOCAL
    return (_TOLD_UNSET if status is UNSET else _status(status.status_code, status.description)) + flags


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field; `number` is at most 15."""
    return head(number, len(content)) + content


@lru_cache(CACHED_NAMES)
def head(number: int, size: int) -> bytes:
    """What comes before the content of a length-delimited field of `size` bytes."""
    return bytes((number << 3 | 2,)) + _varint(size)


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


def times(start: int, end: int) -> bytes:
    """The fields of a span's start and end; struct.error of what is beyond 64 bits."""
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


def _pair(key: str, value: Plain) -> bytes:
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


@lru_cache(CACHED_NAMES)
def _status(code: StatusCode, description: str | None) -> bytes:
    if code is StatusCode.UNSET:
        return _TOLD_UNSET
    message = _text(2, description) if description else b""
    return field(15, message + bytes((0x18, code.value)))
