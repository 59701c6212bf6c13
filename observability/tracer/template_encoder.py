"""The encoding of a template's spans: what they have in common is encoded once, and many are in a row."""

import struct
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.trace import Link, SpanContext, SpanKind, Status

from observability.tracer.encoder import (
    FLAGS_LOCAL,
    FLAGS_REMOTE,
    PARENT,
    SPAN,
    TRACE,
    UNSET_STATUS,
    Plain,
    cached_pair,
    encoded_key,
    ending,
    identity,
    link,
    name_and_kind,
    pair,
    times,
)
from observability.tracer.protobuf import head
from observability.tracer.span_record import SpanRecord

#: Below it lengths have one byte.
SHORT_TEXT = 124
#: Numbers below it are remembered as the end of a span: statuses.
SMALL = 1000

_IDS = struct.Struct(">2s16s2sQ2sQ").pack
_ROOT_IDS = struct.Struct(">2s16s2sQ").pack


class TemplateEncoder:
    """What the spans of one place in the code have in common, encoded.

    Args:
        name: of the spans.
        kind: of the spans.
        constants: the attributes all of them have.
        variables: names of the attributes that differ and come after those; of at most some 80 characters.
        last: name of the attribute that a record may end with.
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
        self._name_and_kind = name_and_kind(name, kind)
        self._constants = b"".join([pair(key, value) for key, value in constants.items()])
        self._variables = [(key, _heads_of_texts(key)) for key in variables]
        #: Of the only variable, where there is one: a shorter way.
        self._heads = self._variables[0][1] if len(self._variables) == 1 else None
        self._last = last
        self._endings: dict[Plain | None, bytes] = {None: UNSET_STATUS + FLAGS_LOCAL}
        self._endings_remote: dict[Plain | None, bytes] = {None: UNSET_STATUS + FLAGS_REMOTE}
        self._takes = takes
        self._short = min(SHORT_TEXT, longest + 1)
        rest = f"{len(self._name_and_kind)}sBQBQ{len(self._constants)}s"
        self._pack = struct.Struct("<2s16s2s8s2s8s" + rest).pack
        self._pack_root = struct.Struct("<2s16s2s8s" + rest).pack

    def encode_records(self, spans: Sequence[SpanRecord]) -> tuple[list[bytes], list[SpanRecord]]:
        """Spans as `encode` encodes them, and those that are not: they have a value that is not taken."""
        pack, pack_root, constants = self._pack, self._pack_root, self._constants
        name_and_kind = self._name_and_kind
        short, heads = self._short, self._heads
        encoded: list[bytes] = []
        others: list[SpanRecord] = []
        for span in spans:
            if span.parent_id is None:
                packed = pack_root(
                    TRACE, span.trace_id, SPAN, span.span_id,
                    name_and_kind, 0x39, span.started, 0x41, span.ended, constants,
                )  # fmt: skip
            else:
                packed = pack(
                    TRACE, span.trace_id, SPAN, span.span_id, PARENT, span.parent_id,
                    name_and_kind, 0x39, span.started, 0x41, span.ended, constants,
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
        """What comes last in a record; remembered of small numbers, such as a status is."""
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
                ids = _ROOT_IDS(TRACE, trace_id.to_bytes(16, "big"), SPAN, span_id)
            else:
                ids = _IDS(TRACE, trace_id.to_bytes(16, "big"), SPAN, span_id, PARENT, parent[1])
            parts = [ids, self._name_and_kind, times(start, end), self._constants]
        else:
            parts = [*identity(context, parent), self._name_and_kind, times(start, end), self._constants]
        if not self._vary(parts, values):
            return None
        append = parts.append
        for key, value in later.items():
            append(cached_pair(key, value) if type(value) is int else pair(key, value))
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
    encoded = encoded_key(key)
    return [
        head(9, len(encoded) + 4 + size) + encoded + bytes((0x12, 2 + size, 0x0A, size))
        for size in range(SHORT_TEXT)
    ]
