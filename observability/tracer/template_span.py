"""A real span of a template, and how it ends."""

from collections.abc import Mapping
from threading import Lock
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext
from opentelemetry.util.types import AnyValue, Attributes

from observability.tracer.encoder import UNSET, Plain
from observability.tracer.ended_spans import ENDED_RECORDS
from observability.tracer.span import Span
from observability.tracer.span_record import SpanRecord
from observability.tracer.template_definition import TemplateDefinition

#: The constructors of the SDK check what is known here.
_new: Any = object.__new__


class TemplateSpan(Span):
    """A span of a template. It has the template's attributes without holding them; when they are changed,
    read, or too many, it unfolds into an ordinary span."""

    _template: TemplateDefinition | None
    values: tuple[Plain | None, ...]

    def set_attribute(self, key: str, value: AnyValue) -> None:
        if self._template is not None and key in self._template.keys:
            self._unfold()
        Span.set_attribute(self, key, value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        if self._template is not None and not self._template.keys.isdisjoint(attributes):
            self._unfold()
        super().set_attributes(attributes)

    @property
    def attributes(self) -> Attributes:
        self._unfold()
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
        self._unfold()
        return super().encoded()

    def end_with(self, last: Plain) -> bool:
        """End with the template's last attribute; False, and nothing is done, where the span has more."""
        template = self._template
        if template is None or self._attributes or self._end_time is not None or self._room < 1:
            return False
        if self._events or self._links or self._status is not UNSET or self._name is not template.name:
            return False
        state = self._context[4]
        if template.last is None or (state is not DEFAULT_TRACE_STATE and state):
            return False
        self._attributes = {template.last: last}
        self._end_time = time_ns()
        ENDED_RECORDS.add(_record(self, template, last))
        return True

    def _bounded(self) -> BoundedAttributes:
        self._unfold()
        return super()._bounded()

    def _unfold(self) -> None:
        template, later = self._template, self._attributes
        if template is None:
            return
        self._template = None
        self._room = self.shared.max_attributes
        self._attributes = {}
        if self._links and type(self._links) is tuple:
            self._links = self._new_links(self._links)
        self._put(template.attributes(self.values))
        if later:
            self._put(later)


def start(
    template: TemplateDefinition,
    own: SpanContext,
    parent: SpanContext | None,
    values: tuple[Plain | None, ...],
    started: int,
) -> TemplateSpan:
    """Start a span of a template.

    Args:
        own: its context.
        values: of the template's variables, in their order; the span has none that is None.
        started: nanoseconds since the epoch.
    """
    span: TemplateSpan = _new(TemplateSpan)
    span.shared = template.shared
    span._name = template.name
    span._kind = template.kind
    span._room = template.room
    span._template = template
    span.values = values
    span._attributes = {}
    span._parent = parent
    span._context = own
    span._lock = Lock()
    span._start_time = started
    return span


def end(span: trace.Span, name: str | None, last: Plain) -> None:
    """End a span of a template, of whatever tracer, with its last attribute.

    Args:
        name: of the attribute; the span ends without it where it is None.
        last: its value: an ordinary one.
    """
    if type(span) is not TemplateSpan or not span.end_with(last):
        if name is not None:
            span.set_attribute(name, last)
        span.end()


class _Record(SpanRecord):
    """What is encoded of a span that ended with its template's last attribute and has nothing else."""

    __slots__ = ("_span",)

    _span: TemplateSpan

    def encoded(self) -> bytes:
        return self._span.encoded()


def _record(span: TemplateSpan, template: TemplateDefinition, last: Plain) -> _Record:
    record: _Record = _new(_Record)
    record.template, record._span = template, span
    parent, (trace_id, span_id, _, _, _, _) = span._parent, span._context
    record.trace_id, record.span_id = trace_id.to_bytes(16, "big"), span_id.to_bytes(8, "big")
    record.parent_id = None if parent is None else parent[1].to_bytes(8, "big")
    record.remote = parent is not None and parent[2]
    record.started, record.ended = span._start_time, span._end_time or 0
    record.values, record.last = span.values, last
    return record
