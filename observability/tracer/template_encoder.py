"""Encodes the spans of a template: their constant part once, and the records of many in one loop."""

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
    Primitive,
    attribute,
    cached_attribute,
    encoded_key,
    ids,
    link_field,
    name_and_kind,
    status_and_flags,
    times,
)
from observability.tracer.protobuf import tag_and_length
from observability.tracer.span_record import SpanRecord

#: Texts below this length: all lengths in the attribute's field have one byte.
SHORT_TEXT = 124
#: End values below it are cached: HTTP's status codes.
SMALL = 1000

_IDS = struct.Struct(">2s16s2sQ2sQ").pack
_ROOT_IDS = struct.Struct(">2s16s2sQ").pack


class TemplateEncoder:
    """Encodes the spans of one template.

    Args:
        name: of the spans.
        kind: of the spans.
        constants: the attributes that all of the spans have; they come first.
        variables: keys of the attributes that differ from span to span; of at most some 80 characters.
        end_key: key of the attribute that a record may end with.
        can_encode: whether an attribute can be encoded here.
        max_length: how many characters a value may have.
    """

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        constants: Mapping[str, Primitive],
        variables: Sequence[str],
        end_key: str | None,
        can_encode: Callable[[str, Primitive], bool],
        max_length: int,
    ) -> None:
        self._name_and_kind = name_and_kind(name, kind)
        self._constants = b"".join([attribute(key, value) for key, value in constants.items()])
        self._variables = [(key, _text_prefixes(key)) for key in variables]
        #: Of a template's only variable, which is encoded without a loop.
        self._only_prefixes = self._variables[0][1] if len(self._variables) == 1 else None
        self._end_key = end_key
        self._endings: dict[Primitive | None, bytes] = {None: UNSET_STATUS + FLAGS_LOCAL}
        self._endings_remote: dict[Primitive | None, bytes] = {None: UNSET_STATUS + FLAGS_REMOTE}
        self._can_encode = can_encode
        self._short = min(SHORT_TEXT, max_length + 1)
        rest = f"{len(self._name_and_kind)}sBQBQ{len(self._constants)}s"
        self._pack = struct.Struct("<2s16s2s8s2s8s" + rest).pack
        self._pack_root = struct.Struct("<2s16s2s8s" + rest).pack

    def encode_records(self, spans: Sequence[SpanRecord]) -> tuple[list[bytes], list[SpanRecord]]:
        """Encoded spans, and the records that were left: they have a value that `can_encode` refuses."""
        pack, pack_root, constants = self._pack, self._pack_root, self._constants
        name_and_kind = self._name_and_kind
        short, prefixes = self._short, self._only_prefixes
        encoded: list[bytes] = []
        others: list[SpanRecord] = []
        for span in spans:
            if span.parent_id is None:
                packed = pack_root(
                    TRACE, span.trace_id, SPAN, span.span_id,
                    name_and_kind, 0x39, span.start_time, 0x41, span.end_time, constants,
                )  # fmt: skip
            else:
                packed = pack(
                    TRACE, span.trace_id, SPAN, span.span_id, PARENT, span.parent_id,
                    name_and_kind, 0x39, span.start_time, 0x41, span.end_time, constants,
                )  # fmt: skip
            end_value = span.end_value
            endings = self._endings_remote if span.has_remote_parent else self._endings
            ending = endings.get(end_value) if type(end_value) is int or end_value is None else None
            if ending is None:
                ending = self._ending(end_value, endings)
            values = span.values
            if not values:
                encoded.append(packed + ending)
            elif prefixes and type(text := values[0]) is str and len(text) < short and text.isascii():
                encoded.append(b"".join((packed, prefixes[len(text)], text.encode(), ending)))
            elif self._add_variables(parts := [packed], values):
                encoded.append(b"".join((*parts, ending)))
            else:
                others.append(span)
        return encoded, others

    def _ending(self, end_value: Primitive | None, endings: dict[Primitive | None, bytes]) -> bytes:
        """The bytes after a record's values: its end attribute, status and flags.

        Args:
            endings: gets those of small numbers, such as HTTP's status codes.
        """
        ending = endings[None]
        if end_value is not None and self._end_key is not None:
            ending = attribute(self._end_key, end_value) + ending
        if type(end_value) is int and 0 <= end_value < SMALL:
            endings[end_value] = ending
        return ending

    def encode(
        self,
        context: SpanContext,
        parent: SpanContext | None,
        start_and_end: tuple[int, int],
        values: Sequence[Primitive | None],
        further: Mapping[str, Primitive],
        links: Sequence[Link],
        status: Status,
    ) -> bytes | None:
        """A span as an OTLP message; None where `can_encode` refuses a value.

        Args:
            start_and_end: nanoseconds since the epoch.
            values: of the variable attributes; the span has none that is None.
            further: attributes that come after those of the template.
            links: without attributes.
        """
        trace_id, span_id, _, _, state, _ = context
        start, end = start_and_end
        if not state and start and end:  # nearly all spans: a struct in place of a call
            if parent is None:
                id_fields = _ROOT_IDS(TRACE, trace_id.to_bytes(16, "big"), SPAN, span_id)
            else:
                id_fields = _IDS(TRACE, trace_id.to_bytes(16, "big"), SPAN, span_id, PARENT, parent[1])
            parts = [id_fields, self._name_and_kind, times(start, end), self._constants]
        else:
            parts = [*ids(context, parent), self._name_and_kind, times(start, end), self._constants]
        if not self._add_variables(parts, values):
            return None
        append = parts.append
        for key, value in further.items():
            append(cached_attribute(key, value) if type(value) is int else attribute(key, value))
        for to in links:
            append(link_field(to.context))
        append(status_and_flags(status, parent))
        return b"".join(parts)

    def _add_variables(self, parts: list[bytes], values: Sequence[Primitive | None]) -> bool:
        """Add the variable attributes to `parts`; False where `can_encode` refuses one."""
        append, short = parts.append, self._short
        for (key, prefixes), value in zip(self._variables, values, strict=True):
            if value is None:
                continue
            if type(value) is str and len(value) < short and value.isascii():
                append(prefixes[len(value)])
                append(value.encode())
            elif self._can_encode(key, value):
                append(attribute(key, value))
            else:
                return False
        return True


def _text_prefixes(key: str) -> list[bytes]:
    """The bytes of an attribute's field before its text, by the length of the text."""
    encoded = encoded_key(key)
    return [
        tag_and_length(9, len(encoded) + 4 + size) + encoded + bytes((0x12, 2 + size, 0x0A, size))
        for size in range(SHORT_TEXT)
    ]
