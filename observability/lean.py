"""The tracer of a hop's own spans: the OpenTelemetry SDK's in what it records, a fraction of it in cost.

A span of the SDK costs some 40 microseconds until it is encoded, one of these 9. Nearly all spans have a few
plain attributes and nothing else; those are kept in a dict and encoded by `observability.otlp`. Whatever is
out of the ordinary (events, links, lists, values or numbers beyond the limits) is left to the SDK's own code.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util._decorator import _agnosticcontextmanager
from opentelemetry.util.types import AnyValue, Attributes

from observability import otlp
from observability.text import well_formed

_UNSET = Status(StatusCode.UNSET)
_FLAGS = [TraceFlags(flags) for flags in range(4)]

_logger = logging.getLogger(__name__)


class Span(sdk.Span):
    """A span of the SDK that makes what it seldom needs when it needs it. Made by `Tracer`."""

    _context: SpanContext
    _start_time: int
    _attributes: dict[str, Any] | BoundedAttributes

    def __init__(  # of sdk.Span's constructor nothing is left: it makes locks and lists for every span
        self,
        tracer: "Tracer",
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link],
        start_time: int | None,
        record_exception: bool,
        set_status_on_exception: bool,
    ) -> None:
        self._tracer = tracer
        self._limits = tracer.limits
        self._resource = tracer.resource
        self._instrumentation_scope = tracer.scope
        self._instrumentation_info = None
        self._name = name
        self._context = context
        self._parent = parent
        self._kind = kind
        self._lock = threading.Lock()
        self._status = _UNSET
        self._events: Sequence[sdk.Event] = ()
        self._links: Sequence[Link] = self._new_links(links) if links else ()
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception
        self._end_time: int | None = None
        self._start_time = time_ns() if start_time is None else start_time
        self._attributes = {}
        if attributes:
            self.set_attributes(attributes)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Setting attribute on ended span.")
                return
            plain = self._attributes
            if type(plain) is dict and self._tracer.takes(key, value):
                plain.pop(key, None)
                plain[key] = value
                if len(plain) <= self._tracer.max_attributes:
                    return
                del plain[key]
            self._bounded()[key] = _formed(value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Setting attribute on ended span.")
                return
            plain = self._attributes
            takes = self._tracer.takes
            if type(plain) is dict and len(plain) + len(attributes) <= self._tracer.max_attributes:
                for key, value in attributes.items():
                    if not takes(key, value):
                        break
                else:
                    for key, value in attributes.items():
                        plain.pop(key, None)
                        plain[key] = value
                    return
            self._bounded()._set_items({key: _formed(value) for key, value in attributes.items()})

    def _bounded(self) -> BoundedAttributes:
        """The attributes as the SDK keeps them, which knows what to do with the unusual."""
        attributes = self._attributes
        if not isinstance(attributes, BoundedAttributes):
            attributes = self._attributes = BoundedAttributes(
                self._limits.max_span_attributes,
                {key: _formed(value) for key, value in attributes.items()},
                immutable=False,
                max_value_len=self._limits.max_span_attribute_length,
            )
        return attributes

    def _add_event(self, event: sdk.EventBase) -> None:
        event._name = well_formed(event._name)
        with self._lock:
            if not self._events:
                self._events = BoundedList(self._limits.max_events)
        super()._add_event(event)

    def _add_link(self, link: Link) -> None:
        with self._lock:
            if not self._links:
                self._links = BoundedList(self._limits.max_links)
        super()._add_link(link)

    def end(self, end_time: int | None = None) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Calling end() on an ended span.")
                return
            self._end_time = time_ns() if end_time is None else end_time
        self._tracer.take(self)

    def encoded(self) -> bytes:
        """The ended span as OTLP has it."""
        attributes = self._attributes
        if type(attributes) is dict and not self._events and not self._links:
            times = (self._start_time, self._end_time or 0)
            return otlp.encode(
                self._context, self._parent, self._name, self._kind, times, attributes, self._status
            )
        return self._encoded_by_sdk()

    def _encoded_by_sdk(self) -> bytes:
        self._bounded()
        self._name = well_formed(self._name)
        if self._status.description:
            self._status = Status(self._status.status_code, well_formed(self._status.description))
        (of_resource,) = encode_spans([self._readable_span()]).resource_spans
        encoded: bytes = of_resource.scope_spans[0].spans[0].SerializeToString()
        return encoded


class Tracer(trace.Tracer):
    """Makes spans that are encoded when they end, and samples as its provider does.

    Span processors do not see these spans: they go straight to `add`.

    Args:
        provider: whose sampler, ids and resource the spans have.
        scope: names the tracer.
        limits: those of the provider.
        add: takes an encoded span; never blocks.
        dropped: told the number of spans that could not be encoded.
    """

    def __init__(
        self,
        provider: sdk.TracerProvider,
        scope: InstrumentationScope,
        limits: sdk.SpanLimits,
        add: Callable[[bytes], None],
        dropped: Callable[[int], None],
    ) -> None:
        self.resource = provider.resource
        self.scope = scope
        self.limits = limits
        self.max_attributes = _or_endless(limits.max_span_attributes)
        self._max_length = _or_endless(limits.max_span_attribute_length)
        self._sampler = provider.sampler
        self._ids = provider.id_generator
        self._add = add
        self._dropped = dropped

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        span = self.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        caller = trace.get_current_span(context).get_span_context()
        parent = caller if caller.is_valid else None
        trace_id = parent.trace_id if parent else self._ids.generate_trace_id()
        sampled = self._sampler.should_sample(context, trace_id, name, kind, attributes, links or ())
        random = parent.trace_flags.random_trace_id if parent else self._ids.is_trace_id_random()
        flags = _FLAGS[(sampled.decision is Decision.RECORD_AND_SAMPLE) | random << 1]
        own = SpanContext(trace_id, self._ids.generate_span_id(), False, flags, sampled.trace_state)
        if sampled.decision is Decision.DROP:
            return NonRecordingSpan(own)
        return Span(
            self,
            name,
            own,
            parent,
            kind,
            sampled.attributes,
            links or (),
            start_time,
            record_exception,
            set_status_on_exception,
        )

    def takes(self, key: object, value: Any) -> bool:
        """Whether an attribute is an ordinary one."""
        if type(key) is not str or not key or not key.isascii():
            return False
        if type(value) is str:
            return len(value) <= self._max_length
        if type(value) is int:
            return -(2**63) <= value < 2**63
        return type(value) in (bool, float)

    def take(self, span: Span) -> None:
        """Take an ended span. One that cannot be encoded is counted: it must not harm who made it."""
        if not span.get_span_context().trace_flags.sampled:
            return
        try:
            encoded = span.encoded()
        except Exception:
            _logger.exception("A span cannot be encoded")
            self._dropped(1)
        else:
            self._add(encoded)


def _formed(value: AnyValue) -> AnyValue:
    return well_formed(value) if isinstance(value, str) else value


def _or_endless(limit: int | None) -> int:
    return sys.maxsize if limit is None else limit
