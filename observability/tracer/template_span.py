"""Recording spans of a template."""

from collections.abc import Mapping
from threading import Lock
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext
from opentelemetry.util.types import AnyValue, Attributes

from observability.tracer.encoder import UNSET, Primitive
from observability.tracer.ended_spans import ENDED_RECORDS
from observability.tracer.prepared_template import PreparedTemplate
from observability.tracer.recording_span import RecordingSpan
from observability.tracer.span_record import SpanRecord

#: Creates an object without its constructor, which would cost more than all that is set here.
_new: Any = object.__new__


class TemplateSpan(RecordingSpan):
    """A recording span that refers to its template's attributes until they are changed, read or too many.

    It then copies them, and is a `RecordingSpan` like any other.
    """

    _template: PreparedTemplate | None
    values: tuple[Primitive | None, ...]

    def set_attribute(self, key: str, value: AnyValue) -> None:
        if self._template is not None and key in self._template.keys:
            self._copy_template()
        RecordingSpan.set_attribute(self, key, value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        if self._template is not None and not self._template.keys.isdisjoint(attributes):
            self._copy_template()
        super().set_attributes(attributes)

    @property
    def attributes(self) -> Attributes:
        self._copy_template()
        return super().attributes

    def encoded(self) -> bytes:
        template = self._template
        if template is not None and self._name is template.name and type(self._events) is tuple:
            attributes, links = self._attributes, self._links
            if type(attributes) is dict and type(links) is tuple:
                encoded = template.encoder.encode(
                    self._context,
                    self._parent,
                    (self._start_time, self._end_time or 0),
                    self.values,
                    attributes,
                    links,
                    self._status,
                )
                if encoded is not None:
                    return encoded
        self._copy_template()
        return super().encoded()

    def end_as_record(self, end_value: Primitive) -> bool:
        """End with the template's end attribute and nothing else, as a `SpanRecord`.

        Returns:
            False, and nothing was done, where the span has more than a record can have.
        """
        template = self._template
        if template is None or self._attributes or self._end_time is not None or self._max_attributes < 1:
            return False
        if self._events or self._links or self._status is not UNSET or self._name is not template.name:
            return False
        state = self._context[4]
        if template.end_key is None or (state is not DEFAULT_TRACE_STATE and state):
            return False
        self._attributes = {template.end_key: end_value}
        self._end_time = time_ns()
        ENDED_RECORDS.add(_record_of(self, template, end_value))
        return True

    def _bounded(self) -> BoundedAttributes:
        self._copy_template()
        return super()._bounded()

    def _copy_template(self) -> None:
        template, own_attributes = self._template, self._attributes
        if template is None:
            return
        self._template = None
        self._max_attributes = self.shared.max_attributes
        self._attributes = {}
        if self._links and type(self._links) is tuple:
            self._links = self._new_links(self._links)
        self._put(template.attributes(self.values))
        if own_attributes:
            self._put(own_attributes)


def start(
    template: PreparedTemplate,
    context: SpanContext,
    parent: SpanContext | None,
    values: tuple[Primitive | None, ...],
    start_time: int,
) -> TemplateSpan:
    """Start a recording span of a template.

    Args:
        context: the span's own.
        values: of the template's variable attributes, in their order; the span has none that is None.
        start_time: nanoseconds since the epoch.
    """
    span: TemplateSpan = _new(TemplateSpan)
    span.shared = template.shared
    span._name = template.name
    span._kind = template.kind
    span._max_attributes = template.spare_attributes
    span._template = template
    span.values = values
    span._attributes = {}
    span._parent = parent
    span._context = context
    span._lock = Lock()
    span._start_time = start_time
    return span


def end(span: trace.Span, end_key: str | None, end_value: Primitive) -> None:
    """End a span of a template, made by any tracer, with the template's end attribute.

    Args:
        end_key: of the attribute; None: the span ends without it.
        end_value: of the attribute; integers have 64 bits.
    """
    if type(span) is not TemplateSpan or not span.end_as_record(end_value):
        if end_key is not None:
            span.set_attribute(end_key, end_value)
        span.end()


class _TemplateSpanRecord(SpanRecord):
    """The record of a recording span that ended with its template's end attribute alone."""

    __slots__ = ("_span",)

    _span: TemplateSpan

    def encoded(self) -> bytes:
        return self._span.encoded()


def _record_of(span: TemplateSpan, template: PreparedTemplate, end_value: Primitive) -> SpanRecord:
    record: _TemplateSpanRecord = _new(_TemplateSpanRecord)
    record.template, record._span = template, span
    parent, (trace_id, span_id, _, _, _, _) = span._parent, span._context
    record.trace_id, record.span_id = trace_id.to_bytes(16, "big"), span_id.to_bytes(8, "big")
    record.parent_id = None if parent is None else parent[1].to_bytes(8, "big")
    record.has_remote_parent = parent is not None and parent[2]
    record.start_time, record.end_time = span._start_time, span._end_time or 0
    record.values, record.end_value = span.values, end_value
    return record
