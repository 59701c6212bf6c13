"""The tracer of a process's own spans: it records what the SDK's records, at a fraction of the cost."""

from collections.abc import Iterator, Sequence
from functools import partial
from random import getrandbits
from threading import RLock
from typing import Protocol
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.util._decorator import _agnosticcontextmanager
from opentelemetry.util.types import Attributes

from observability.tracer.recording_span import RecordingSpan
from observability.tracer.shared_state import TracerSharedState

_FLAGS = [TraceFlags(flags) for flags in range(4)]
_FOLLOWS_PARENT: str = ParentBased(ALWAYS_ON).get_description()  # type: ignore[no-untyped-call]


class _Template(Protocol):
    """A template as the tracer needs it: it starts spans without `Tracer.start_span`."""

    def delegate_to_sdk(self) -> None:
        """Have the tracer's `start_span` make the spans that begin from now on."""


class Tracer(trace.Tracer):
    """Starts recording spans, or non-recording ones where the provider's sampler says so.

    Span processors do not see these spans: they are encoded in batches. When a team adds a processor to the
    provider, the tracer delegates to the SDK, which makes every span that begins from then on.

    Args:
        provider: has the sampler and the generator of ids.
        shared: the state that all spans of this tracer share.

    Attributes:
        follows_parent: whether the parent's flags alone decide if a span is sampled; roots always are.
        new_trace_id: makes an id of 128 bits.
        new_span_id: makes an id of 64 bits.
        root_flags: of spans that begin a trace.
    """

    def __init__(self, provider: sdk.TracerProvider, shared: TracerSharedState) -> None:
        self.shared = shared
        self._provider = provider
        self._sampler = provider.sampler
        self.follows_parent = provider.sampler.get_description() == _FOLLOWS_PARENT
        self._ids = provider.id_generator
        # As the SDK's own generator, without its check whether all bits are 0.
        random = type(self._ids) is RandomIdGenerator
        self.new_trace_id = partial(getrandbits, 128) if random else self._ids.generate_trace_id
        self.new_span_id = partial(getrandbits, 64) if random else self._ids.generate_span_id
        self.root_flags = _FLAGS[1 | self._ids.is_trace_id_random() << 1]
        self._templates: WeakSet[_Template] = WeakSet()
        self._delegation_lock = RLock()  # reentrant: the garbage collector may end anything
        self._sdk: trace.Tracer | None = None

    def add_template(self, template: _Template) -> bool:
        """Have a template delegate to the SDK when this tracer does; False if it does already."""
        with self._delegation_lock:
            self._templates.add(template)
            return self._sdk is None

    def delegate_to_sdk(self) -> None:
        """Have the SDK's tracer of the same name make the spans that begin from now on."""
        with self._delegation_lock:
            if self._sdk is None:
                self._sdk = self._provider.get_tracer(self.shared.scope.name, self.shared.scope.version)
                for template in list(self._templates):
                    template.delegate_to_sdk()

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
        if self._sdk is not None:
            return self._sdk.start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        current = trace.get_current_span(context).get_span_context()
        parent = current if current.is_valid else None
        trace_id = parent.trace_id if parent else self._ids.generate_trace_id()
        sampled = self._sampler.should_sample(context, trace_id, name, kind, attributes, links or ())
        random = parent.trace_flags.random_trace_id if parent else self._ids.is_trace_id_random()
        flags = _FLAGS[(sampled.decision is Decision.RECORD_AND_SAMPLE) | random << 1]
        span_context = SpanContext(trace_id, self._ids.generate_span_id(), False, flags, sampled.trace_state)
        if sampled.decision is Decision.DROP:
            return NonRecordingSpan(span_context)
        return RecordingSpan(
            self.shared,
            name,
            span_context,
            parent,
            kind,
            sampled.attributes,
            links or (),
            start_time,
            record_exception,
            set_status_on_exception,
        )
