"""The texts of the SDK's spans: changed before the spans are encoded."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Status
from opentelemetry.util.types import AnyValue

from observability.masking import MASK, are_secret, is_secret, mask


def masked(span: ReadableSpan) -> ReadableSpan:
    """The span without credentials and personal data: itself, if it has none, as nearly all."""
    mappings = [span.attributes or {}, *(event.attributes or {} for event in span.events)]
    texts = (value for mapping in mappings for value in _texts(mapping))
    has_secrets = any(map(are_secret, mappings)) or any(
        mask(text) != text for text in (*texts, span.status.description or "")
    )
    return with_texts(span, mask, is_secret) if has_secrets else span


def masked_attribute(key: str, value: AnyValue) -> AnyValue:
    """The value of an attribute without credentials and personal data."""
    if is_secret(key):
        return MASK
    return mask(value) if type(value) is str else value


def masked_status(status: Status) -> Status:
    """The status, its description without credentials and personal data."""
    return Status(status.status_code, mask(status.description)) if status.description else status


def _texts(attributes: Mapping[str, AnyValue]) -> Iterator[str]:
    for value in attributes.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Sequence) and not isinstance(value, bytes):
            yield from (item for item in value if isinstance(item, str))


def with_texts(
    span: ReadableSpan, change: Callable[[str], str], is_hidden: Callable[[str], bool] = lambda key: False
) -> ReadableSpan:
    """The same span, each of its texts changed: U+FFFD in place of lone surrogates, or a mask.

    Args:
        is_hidden: whether the attribute of a key has a mask in place of its value.
    """

    def of_value(value: AnyValue) -> AnyValue:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [of_value(item) for item in value]
        return value

    def of_all(attributes: Mapping[str, AnyValue] | None) -> dict[str, AnyValue]:
        items = (attributes or {}).items()
        return {change(key): MASK if is_hidden(key) else of_value(value) for key, value in items}

    status = span.status
    return ReadableSpan(
        change(span.name),
        span.context,
        span.parent,
        span.resource,
        of_all(span.attributes),
        [Event(change(event.name), of_all(event.attributes), event.timestamp) for event in span.events],
        span.links,
        span.kind,
        status=Status(status.status_code, change(status.description)) if status.description else status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
