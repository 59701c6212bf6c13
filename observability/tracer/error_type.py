"""The `error.type` of failed spans whose maker set none, as not every instrumentation does."""

from collections.abc import Sequence
from copy import copy, deepcopy

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import StatusCode

from observability.span_error import ERROR_TYPE, OTHER


def with_error_type(span: ReadableSpan) -> ReadableSpan:
    """The span itself; where it failed and does not say with what, a copy that does, if its limit allows."""
    attributes = span._attributes
    if span.status.status_code is not StatusCode.ERROR or ERROR_TYPE in (attributes or {}):
        return span
    if isinstance(attributes, BoundedAttributes):
        if attributes.maxlen is not None and len(attributes) >= attributes.maxlen:
            return span
        completed = deepcopy(attributes)
        completed._immutable = False
    else:
        completed = BoundedAttributes(None, attributes, immutable=False)
    completed[ERROR_TYPE] = error_type(span.events)
    copied = copy(span)
    copied._attributes = completed
    return copied


def error_type(events: Sequence[Event]) -> str:
    """The class of the exception that was recorded last."""
    raised = [event.attributes or {} for event in events if event.name == "exception"]
    return str(raised[-1].get("exception.type", OTHER)) if raised else OTHER
