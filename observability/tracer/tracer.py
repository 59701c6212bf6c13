"""The tracer of a process's own spans: the SDK's in what it records, a fraction of it in cost."""

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

from observability.tracer.shared_state import TracerSharedState
from observability.tracer.span import Span

_FLAGS = [TraceFlags(flags) for flags in range(4)]
_FOLLOWING: str = ParentBased(ALWAYS_ON).get_description()  # type: ignore[no-untyped-call]


class _Template(Protocol):
    """What makes spans of this tracer past its `start_span`."""

    def step_aside(self) -> None:
        """Leave the spans that begin from now on to the tracer's `start_span`."""


class Tracer(trace.Tracer):
    """Makes spans that are encoded when some have ended, and samples as its provider does.

    Span processors do not see these spans: they go straight to the batches. Where a team adds a processor to
    the provider, the tracer steps aside, and the SDK makes every span that begins from then on.

    Args:
        provider: whose sampler, ids and resource the spans have.
        shared: what the spans have in common.
    """

    def __init__(self, provider: sdk.TracerProvider, shared: TracerSharedState) -> None:
        self.shared = shared
        self._provider = provider
        self._sampler = provider.sampler
        #: Whether it is enough to look at the parent to sample.
        self.follows_parent = provider.sampler.get_description() == _FOLLOWING
        self._ids = provider.id_generator
        # What the SDK's own generator does, but for the look at whether all bits are 0.
        random = type(self._ids) is RandomIdGenerator
        self.new_trace_id = partial(getrandbits, 128) if random else self._ids.generate_trace_id
        self.new_span_id = partial(getrandbits, 64) if random else self._ids.generate_span_id
        self.root_flags = _FLAGS[1 | self._ids.is_trace_id_random() << 1]
        self._templates: WeakSet[_Template] = WeakSet()
        self._changing = RLock()  # reentrant: the garbage collector may end anything
        self._sdk: trace.Tracer | None = None

    def add_template(self, template: _Template) -> bool:
        """Have a template step aside with this tracer; False where that has happened already."""
        with self._changing:
            self._templates.add(template)
            return self._sdk is None

    def step_aside(self) -> None:
        """Leave the spans that begin from now on to the SDK's tracer of the same name."""
        with self._changing:
            if self._sdk is None:
                self._sdk = self._provider.get_tracer(self.shared.scope.name, self.shared.scope.version)
                for template in list(self._templates):
                    template.step_aside()

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
            self.shared,
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
