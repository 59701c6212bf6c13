"""What the spans of one place in the code have in common, prepared for a tracer of ours."""

from collections.abc import Mapping, Sequence

from opentelemetry.trace import SpanKind

from observability.tracer.encoder import Plain
from observability.tracer.shared_state import TracerSharedState
from observability.tracer.span_record import SpanRecord
from observability.tracer.template_encoder import TemplateEncoder


class TemplateDefinition:
    """A template's constant part, encoded.

    Args:
        shared: what the spans of the tracer have in common.
        name: of the spans.
        kind: of the spans.
        constants: the attributes that all of them have.
        variables: names of the attributes that differ.
        last: name of the attribute that a span may end with.

    Attributes:
        keys: names of all attributes but the last.
        room: how many attributes a span may have besides those.
    """

    def __init__(
        self,
        shared: TracerSharedState,
        name: str,
        kind: SpanKind,
        constants: Mapping[str, Plain],
        variables: Sequence[str],
        last: str | None,
    ) -> None:
        self.shared = shared
        self.name = name
        self.kind = kind
        self.last = last
        self.keys = frozenset(constants) | frozenset(variables)
        self.room = shared.max_attributes - len(self.keys)
        self.encoder = TemplateEncoder(
            name, kind, constants, variables, last, shared.takes, shared.max_length
        )
        self._constants = constants
        self._variables = variables

    def attributes(self, values: tuple[Plain | None, ...]) -> dict[str, Plain]:
        """All the attributes of a span that has these values."""
        return attributes_of(self._constants, self._variables, values)

    def export(self, records: Sequence[SpanRecord]) -> Sequence[SpanRecord]:
        """Encode records of this template's spans and hand them over.

        Returns:
            those that need `SpanRecord.encoded`: they have a value that the encoder does not take.
        """
        try:
            encoded, others = self.encoder.encode_records(records)
        except Exception:  # one of them cannot be encoded; which it is, is found one by one
            return records
        self.shared.export(encoded)
        return others


def can_prepare(shared: TracerSharedState, constants: Mapping[str, Plain], variables: Sequence[str]) -> bool:
    """Whether attributes are such as can be encoded beforehand: plain, named once, within the limits."""
    keys = frozenset(constants) | frozenset(variables)
    return (
        all(shared.takes(key, value) for key, value in constants.items())
        and all(shared.takes(key, "") for key in variables)
        and len(keys) == len(constants) + len(variables)
        and len(keys) <= shared.max_attributes
        and shared.limits.max_links != 0
    )


def attributes_of(
    constants: Mapping[str, Plain], variables: Sequence[str], values: tuple[Plain | None, ...]
) -> dict[str, Plain]:
    """The constant attributes, and the variable ones that have a value."""
    varying = zip(variables, values, strict=True)
    return {**constants, **{key: value for key, value in varying if value is not None}}
