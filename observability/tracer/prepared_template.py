"""A template prepared for a tracer: its constant part, encoded."""

from collections.abc import Mapping, Sequence

from opentelemetry.trace import SpanKind

from observability.tracer.encoder import Primitive
from observability.tracer.shared_state import TracerSharedState
from observability.tracer.span_record import SpanRecord
from observability.tracer.template_encoder import TemplateEncoder


class PreparedTemplate:
    """The name, kind and attributes that the spans of a template share, encoded for one tracer.

    Args:
        shared: the state that all spans of the tracer share.
        name: of the spans.
        kind: of the spans.
        constants: the attributes that all of the spans have.
        variables: keys of the attributes that differ from span to span and are known at its start.
        end_key: key of the attribute that `end` may add.

    Attributes:
        keys: of the constant and variable attributes.
        spare_attributes: how many attributes a span may have besides those, by the provider's limit.
    """

    def __init__(
        self,
        shared: TracerSharedState,
        name: str,
        kind: SpanKind,
        constants: Mapping[str, Primitive],
        variables: Sequence[str],
        end_key: str | None,
    ) -> None:
        self.shared = shared
        self.name = name
        self.kind = kind
        self.end_key = end_key
        self.keys = frozenset(constants) | frozenset(variables)
        self.spare_attributes = shared.max_attributes - len(self.keys)
        self.encoder = TemplateEncoder(
            name, kind, constants, variables, end_key, shared.can_encode, shared.max_length
        )
        self._constants = constants
        self._variables = variables

    def attributes(self, values: tuple[Primitive | None, ...]) -> dict[str, Primitive]:
        """The constant attributes and, with these values, the variable ones."""
        return attributes_of(self._constants, self._variables, values)

    def export(self, records: Sequence[SpanRecord]) -> Sequence[SpanRecord]:
        """Encode records of this template's spans and hand them to the batcher.

        Returns:
            those that need `SpanRecord.encoded`: they have a value that `TemplateEncoder` does not encode.
        """
        try:
            encoded, others = self.encoder.encode_records(records)
        except Exception:  # one of them cannot be encoded; `encoded` finds out which
            return records
        self.shared.export(encoded)
        return others


def can_prepare(
    shared: TracerSharedState, constants: Mapping[str, Primitive], variables: Sequence[str]
) -> bool:
    """Whether attributes can be encoded beforehand: primitive, within the limits, and no key twice."""
    keys = frozenset(constants) | frozenset(variables)
    return (
        all(shared.can_encode(key, value) for key, value in constants.items())
        and all(shared.can_encode(key, "") for key in variables)
        and len(keys) == len(constants) + len(variables)
        and len(keys) <= shared.max_attributes
        and shared.limits.max_links != 0
    )


def attributes_of(
    constants: Mapping[str, Primitive], variables: Sequence[str], values: tuple[Primitive | None, ...]
) -> dict[str, Primitive]:
    """The constant attributes, and the variable ones whose value is not None."""
    pairs = zip(variables, values, strict=True)
    return {**constants, **{key: value for key, value in pairs if value is not None}}
