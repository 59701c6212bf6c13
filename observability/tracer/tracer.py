"""The tracer of a hop's own spans: the OpenTelemetry SDK's in what it records, a fraction of it in cost.

A span of the SDK costs some 40 microseconds until it is encoded, one of these 8, one of a `Template` 4.
Nearly all spans have a few plain attributes and nothing else; those are kept in a dict and encoded by
`observability.tracer.otlp`. Whatever is out of the ordinary (events, links, lists, values or numbers beyond
the limits) is left to the SDK's own code.
"""

import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import getrandbits
from threading import Lock
from time import time_ns
from typing import Any, cast

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    DEFAULT_TRACE_STATE,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    TraceFlags,
)
from opentelemetry.util._decorator import _agnosticcontextmanager
from opentelemetry.util.types import AnyValue, Attributes

from observability.deferred import DEFERRED
from observability.propagation import hex_trace_id, traceparent_of
from observability.text import well_formed
from observability.tracer import otlp
from observability.tracer.batch import SpanBatches
from observability.tracer.otlp import Plain

_FLAGS = [TraceFlags(flags) for flags in range(4)]
#: As `traceparent` ends.
_TOLD_FLAGS = [f"-{flags:02x}" for flags in range(4)]
_NO_STATE = DEFAULT_TRACE_STATE
_FOLLOWING: str = ParentBased(ALWAYS_ON).get_description()  # type: ignore[no-untyped-call]
#: The constructors of the SDK check what is known here.
_new: Any = object.__new__
_made: Any = tuple.__new__

_logger = logging.getLogger(__name__)


class Span(sdk.Span):
    """A span of the SDK that makes what it seldom needs when it needs it. Made by `Tracer`."""

    _context: SpanContext
    _start_time: int
    _attributes: dict[str, Any] | BoundedAttributes

    #: What most spans have, so that it need not be set on each.
    _instrumentation_info = None
    _status = otlp.UNSET
    _events: Sequence[sdk.Event] = ()
    _links: Sequence[Link] = ()
    _record_exception = True
    _set_status_on_exception = True
    _end_time: int | None = None

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
        self._name = name
        self._context = context
        self._parent = parent
        self._kind = kind
        self._lock = Lock()
        if links:
            self._links = self._new_links(links)
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception
        self._start_time = time_ns() if start_time is None else start_time
        self._room = tracer.max_attributes
        self._attributes = {}
        if attributes:
            self.set_attributes(attributes)

    @property
    def _limits(self) -> sdk.SpanLimits:
        return self._tracer.limits

    @property
    def _resource(self) -> Resource:  # type: ignore[override]
        return self._tracer.resource

    @property
    def _instrumentation_scope(self) -> InstrumentationScope:  # type: ignore[override]
        return self._tracer.scope

    def set_attribute(self, key: str, value: AnyValue) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Setting attribute on ended span.")
                return
            plain = self._attributes
            if type(plain) is dict and self._tracer.takes(key, value):
                plain.pop(key, None)
                plain[key] = value
                if len(plain) <= self._room:
                    return
                del plain[key]
            self._bounded()[key] = _formed(value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Setting attribute on ended span.")
                return
            self._put(attributes)

    def _put(self, attributes: Mapping[str, AnyValue]) -> None:
        plain = self._attributes
        takes = self._tracer.takes
        if type(plain) is dict and len(plain) + len(attributes) <= self._room:
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
            if type(self._events) is tuple:
                self._events = BoundedList(self._limits.max_events)
        super()._add_event(event)

    def _add_link(self, link: Link) -> None:
        with self._lock:
            if type(self._links) is tuple:
                self._links = self._new_links(self._links)
        super()._add_link(link)

    def end(self, end_time: int | None = None) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Calling end() on an ended span.")
                return
            self._end_time = time_ns() if end_time is None else end_time
        if self._context[3] & TraceFlags.SAMPLED:
            _ENDED.add(self)

    def encoded(self) -> bytes:
        """The ended span as OTLP has it."""
        attributes = self._attributes
        if type(attributes) is dict and type(self._events) is tuple and type(self._links) is tuple:
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


class Prepared(Span):
    """A span of a `Template`. It has the template's attributes without holding them; when they are changed,
    read, or too many, it unfolds into an ordinary span."""

    _template: "Template | None"
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
                encoded = template.shape.encode(
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

    def _end_briefly(self, last: Plain) -> bool:
        """End with the template's last attribute; False, and nothing is done, where more was said."""
        template = self._template
        if template is None or self._attributes or self._end_time is not None or self._room < 1:
            return False
        if self._events or self._links or self._status is not otlp.UNSET or self._name is not template.name:
            return False
        state = self._context[4]
        if template.last is None or (state is not _NO_STATE and state):
            return False
        self._attributes = {template.last: last}
        self._end_time = time_ns()
        _ENDED.add(LazySpan.of(self, template, last))
        return True

    def _bounded(self) -> BoundedAttributes:
        self._unfold()
        return super()._bounded()

    def _unfold(self) -> None:
        template, later = self._template, self._attributes
        if template is None:
            return
        self._template = None
        self._room = self._tracer.max_attributes
        self._attributes = {}
        if self._links and type(self._links) is tuple:
            self._links = self._new_links(self._links)
        self._put(template.attributes(self.values))
        if later:
            self._put(later)


class Template:
    """What the spans of one place in the code have in common, encoded once.

    ```
    calls = Template(hop.tracer, "GET", SpanKind.CLIENT, {"server.address": host}, ("url.full",))
    span = calls.start(parent.get_span_context(), (url,))
    span.set_attribute("http.response.status_code", 200)
    span.end()
    ```

    The spans are those `tracer.start_span` makes, at a third of the cost: real OpenTelemetry spans that take
    attributes, events, links, a status and exceptions, and are sampled as the provider's sampler says.

    Args:
        tracer: makes the spans: a hop's. (With a tracer that is none of ours each span is `start_span`'s.)
        name: of the spans.
        kind: of the spans.
        attributes: the constant ones.
        variables: names of the attributes that differ from span to span and are known at its start.
        last: name of the one attribute that a lazy span is given at its end.
    """

    def __init__(
        self,
        tracer: trace.Tracer,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Plain] | None = None,
        variables: Sequence[str] = (),
        last: str | None = None,
    ) -> None:
        self.name = name
        self.last = last
        self._tracer = tracer
        self._kind = kind
        self._constants = dict(attributes or {})
        self._variables = tuple(variables)
        self.keys = frozenset(self._constants) | frozenset(variables)
        self.fast: Tracer | None = None
        self._silent = isinstance(tracer, trace.NoOpTracer)
        self._sketches = False
        if isinstance(tracer, Tracer) and self._is_ordinary(tracer):
            self.fast = tracer
            self._room = tracer.max_attributes - len(self.keys)
            self.shape = otlp.Shape(
                name, kind, self._constants, self._variables, last, tracer.takes, tracer.max_length
            )
            self._sketches = self._room > 0

    def _is_ordinary(self, tracer: "Tracer") -> bool:
        plain = all(tracer.takes(key, value) for key, value in self._constants.items())
        named = all(tracer.takes(key, "") for key in self._variables)
        once = len(self.keys) == len(self._constants) + len(self._variables)
        fitting = len(self.keys) <= tracer.max_attributes and tracer.limits.max_links != 0
        return tracer.follows_parent and plain and named and once and fitting

    def start(
        self,
        parent: SpanContext | None,
        values: tuple[Plain | None, ...] = (),
        start_time: int | None = None,
        link: SpanContext | None = None,
    ) -> trace.Span:
        """Start a span.

        Args:
            parent: what it is a child of; the span begins a trace where it is None or invalid. (For a child
                of the current span: `trace.get_current_span().get_span_context()`.)
            values: of the variable attributes, in their order; the span has none that is None.
            start_time: nanoseconds since the epoch; now where it is None.
            link: of a span in another trace that this one follows from.
        """
        tracer = self.fast
        if tracer is None:
            return self._start_unprepared(parent, values, start_time, link)
        if parent is None or not parent[5]:  # its `is_valid`, without a call
            parent = None
            trace_id, flags, state = tracer.new_trace_id(), tracer.root_flags, _NO_STATE
        else:
            trace_id, _, _, flags, state, _ = parent
            flags = _FLAGS[flags & 3]
        own = _made(SpanContext, (trace_id, tracer.new_span_id(), False, flags, state, True))
        if not flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(own)
        span = self._prepared(own, parent, values)
        span._start_time = time_ns() if start_time is None else start_time
        if link is not None and link.is_valid:
            span._links = (Link(link),)
        return span

    def lazy(self, parent: "Ancestor | LazySpan", values: tuple[Plain | None, ...] = ()) -> "LazySpan":
        """Start a span that is made only if something has to be said of it beyond its end.

        Args:
            values: of the variable attributes, in their order.
        """
        lazy_span: LazySpan = _new(LazySpan)
        lazy_span._template = self
        lazy_span._parent = parent
        lazy_span.parent_id = parent.span_id
        lazy_span.values = values
        ancestor = lazy_span.ancestor = parent if isinstance(parent, Ancestor) else parent.ancestor
        tracer = self.fast
        if tracer is not None and self._sketches and ancestor.plain:
            lazy_span._span = None
            lazy_span.trace_id = ancestor.trace_id
            lazy_span.remote = False
            lazy_span.span_id = tracer.new_span_id().to_bytes(8, "big")
            lazy_span.started = time_ns()
        else:
            lazy_span._span = self.start(parent.context, values)
            lazy_span.span_id = lazy_span._span.get_span_context().span_id.to_bytes(8, "big")
        return lazy_span

    def _prepared(
        self, own: SpanContext, parent: SpanContext | None, values: tuple[Plain | None, ...]
    ) -> Prepared:
        span: Prepared = _new(Prepared)
        span._tracer = cast(Tracer, self.fast)
        span._name = self.name
        span._kind = self._kind
        span._room = self._room
        span._template = self
        span.values = values
        span._attributes = {}
        span._parent = parent
        span._context = own
        span._lock = Lock()
        return span

    def _unfolded(self, lazy_span: "LazySpan") -> Prepared:
        """The span that a lazy span is of."""
        span = self._prepared(lazy_span.context, lazy_span._parent.context, lazy_span.values)
        span._start_time = lazy_span.started
        return span

    def end(self, span: trace.Span, last: Plain) -> None:
        """End a span of this template.

        Args:
            last: value of the template's `last` attribute: an ordinary one.
        """
        if type(span) is not Prepared or not span._end_briefly(last):
            if self.last is not None:
                span.set_attribute(self.last, last)
            span.end()

    def add(self, ended: Sequence["LazySpan"]) -> Sequence["LazySpan"]:
        """Encode spans that ended briefly, and hand them over.

        Returns:
            those for which that was too brief: they have a value that is not taken.
        """
        try:
            encoded, others = self.shape.briefs(ended)
        except Exception:  # one of them cannot be encoded; which it is, is found one by one
            return ended
        cast(Tracer, self.fast).add(encoded)
        return others

    def _start_unprepared(
        self,
        parent: SpanContext | None,
        values: tuple[Plain | None, ...],
        start_time: int | None,
        link: SpanContext | None,
    ) -> trace.Span:
        if self._silent:
            return trace.INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        context = Context()
        if parent is not None:
            context = trace.set_span_in_context(NonRecordingSpan(parent), context)
        attributes = self.attributes(values)
        links = [Link(link)] if link is not None else None
        return self._tracer.start_span(self.name, context, self._kind, attributes, links, start_time)

    def attributes(self, values: tuple[Plain | None, ...]) -> dict[str, Plain]:
        """All the attributes of a span that has these values."""
        varying = zip(self._variables, values, strict=True)
        return self._constants | {key: value for key, value in varying if value is not None}


class Ancestor:
    """The context of a span as those below it need it, taken apart once.

    Attributes:
        plain: whether lazy spans of what is below it can be exported as they are.
        exemplar: the trace id in hex, for metrics; None where the trace is not sampled.
    """

    __slots__ = ("context", "exemplar", "flags", "plain", "span_id", "trace_id", "version")

    def __init__(self, context: SpanContext) -> None:
        trace_id, span_id, remote, flags, state, valid = context
        self.context = context
        known, name = flags & 3, hex_trace_id(trace_id)
        sampled = known & TraceFlags.SAMPLED
        # It is asked whether the state is the usual empty one first: its length is a call of Python's.
        self.plain = bool(valid and sampled and not remote and (state is _NO_STATE or not state))
        self.exemplar = name if sampled else None
        self.trace_id = trace_id.to_bytes(16, "big")
        self.span_id = span_id.to_bytes(8, "big")
        self.version = f"00-{name}-"
        self.flags = _TOLD_FLAGS[known]


class LazySpan(otlp.SpanRecord):
    """A span under way of which nothing but its start has been said: made by `Template.lazy`.

    Nearly all spans begin and end, and that is that; they cost a quarter of a span this way. To say anything
    else take the `span`, a real one from then on. (Of a real one that ended so, it is what is encoded.)
    """

    __slots__ = ("_parent", "_span", "_template", "ancestor")

    _parent: "Ancestor | LazySpan"
    _span: trace.Span | None
    _template: Template
    ancestor: Ancestor

    @classmethod
    def of(cls, span: Prepared, template: Template, last: Plain) -> "LazySpan":
        """What is encoded of a span that ended with its template's last attribute and has nothing else."""
        lazy_span: LazySpan = _new(cls)
        lazy_span._template, lazy_span._span = template, span
        parent, (trace_id, span_id, _, _, _, _) = span._parent, span._context
        lazy_span.trace_id, lazy_span.span_id = trace_id.to_bytes(16, "big"), span_id.to_bytes(8, "big")
        lazy_span.parent_id = None if parent is None else parent[1].to_bytes(8, "big")
        lazy_span.remote = parent is not None and parent[2]
        lazy_span.started, lazy_span.ended = span._start_time, span._end_time or 0
        lazy_span.values, lazy_span.last = span.values, last
        return lazy_span

    @property
    def span(self) -> trace.Span:
        """The span itself."""
        if self._span is None:
            self._span = self._template._unfolded(self)
        return self._span

    @property
    def context(self) -> SpanContext:
        """What the span's own `get_span_context` says."""
        if self._span is not None:
            return self._span.get_span_context()
        trace_id, _, _, flags, state, _ = self.ancestor.context
        own = (trace_id, int.from_bytes(self.span_id, "big"), False, _FLAGS[flags & 3], state, True)
        made: SpanContext = _made(SpanContext, own)
        return made

    @property
    def traceparent(self) -> str | None:
        """The header `traceparent` for what follows (W3C Trace Context); None where nothing is traced."""
        if self._span is None:
            ancestor = self.ancestor
            return f"{ancestor.version}{self.span_id.hex()}{ancestor.flags}"
        own = self._span.get_span_context()
        return traceparent_of(own) if own.is_valid else None

    @property
    def _tracer(self) -> "Tracer":
        return cast(Tracer, self._template.fast)

    def end(self, last: Plain | None = None) -> None:
        """End the span; once.

        Args:
            last: value of the template's `last` attribute: an ordinary one.
        """
        if self._span is None:
            self.last = last
            self.ended = time_ns()
            _ENDED.keep(self)  # the span that it is below has its end still to come
        elif last is None:
            self._span.end()
        else:
            self._template.end(self._span, last)

    def leave_out(self, child: "LazySpan") -> bool:
        """Leave this span out of the trace, in place of ending it: its only child says all there is to say.

        Parameters:
            child: ended right before this, by the same callback.

        Returns:
            False, and nothing was done, where one of both has more to say.
        """
        if self._span is not None or child._span is not None:
            return False
        child.parent_id, child.remote = self.parent_id, self.remote
        return True

    def encoded(self) -> bytes:
        """The ended span as OTLP has it, by way of a real one."""
        if isinstance(self._span, Span):
            return self._span.encoded()
        template, last = self._template, self.last
        span = template._unfolded(self)
        if last is not None and template.last is not None:
            span.set_attribute(template.last, last)
        span._end_time = self.ended
        return span.encoded()


class Tracer(trace.Tracer):
    """Makes spans that are encoded when some have ended, and samples as its provider does.

    Span processors do not see these spans: they go straight to the `batches`.

    Args:
        provider: whose sampler, ids and resource the spans have.
        scope: names the tracer.
        limits: those of the provider.
        batches: takes encoded spans; never blocks.
        dropped: told the number of spans that could not be encoded.
    """

    def __init__(
        self,
        provider: sdk.TracerProvider,
        scope: InstrumentationScope,
        limits: sdk.SpanLimits,
        batches: SpanBatches,
        dropped: Callable[[int], None],
    ) -> None:
        self.resource = provider.resource
        self.scope = scope
        self.limits = limits
        self.max_attributes = _or_endless(limits.max_span_attributes)
        self.max_length = _or_endless(limits.max_span_attribute_length)
        self._sampler = provider.sampler
        #: Whether it is enough to look at the parent to sample.
        self.follows_parent = provider.sampler.get_description() == _FOLLOWING
        self._ids = provider.id_generator
        # What the SDK's own generator does, but for the look at whether all bits are 0.
        random = type(self._ids) is RandomIdGenerator
        self.new_trace_id = partial(getrandbits, 128) if random else self._ids.generate_trace_id
        self.new_span_id = partial(getrandbits, 64) if random else self._ids.generate_span_id
        self.root_flags = _FLAGS[1 | self._ids.is_trace_id_random() << 1]
        self.add = batches.add
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
            return len(value) <= self.max_length
        if type(value) is int:
            return -(2**63) <= value < 2**63
        return type(value) in (bool, float)

    def lose(self) -> None:
        """Count a span that cannot be encoded: it must not harm who made it."""
        _logger.exception("A span cannot be encoded")
        self._dropped(1)


def _write(ended: list[Span | LazySpan]) -> None:
    """Encode spans, and hand them over: those of a template in a row."""
    alike: dict[Template, list[LazySpan]] = defaultdict(list)
    others: list[Span | LazySpan] = []
    for span in ended:
        if type(span) is LazySpan:
            alike[span._template].append(span)
        else:
            others.append(span)
    for template, spans in alike.items():
        others += template.add(spans)
    for span in others:
        try:
            span._tracer.add([span.encoded()])
        except Exception:
            span._tracer.lose()


_ENDED = DEFERRED.queue(_write)


def _formed(value: AnyValue) -> AnyValue:
    return well_formed(value) if isinstance(value, str) else value


def _or_endless(limit: int | None) -> int:
    return sys.maxsize if limit is None else limit
