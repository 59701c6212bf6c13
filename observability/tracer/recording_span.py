"""Recording spans whose usual parts cost little.

Nearly all spans have a few attributes with primitive values and nothing else: those are kept in a dict and
encoded by `encoder`. Events, links, arrays, and attributes beyond the limits are left to the SDK's code.
"""

import logging
from collections.abc import Mapping, Sequence
from threading import Lock
from time import time_ns
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AnyValue, Attributes

from observability.span_error import ERROR_TYPE
from observability.text import well_formed
from observability.tracer.encoder import UNSET, encode
from observability.tracer.ended_spans import ENDED_SPANS
from observability.tracer.error_type import error_type
from observability.tracer.shared_state import TracerSharedState
from observability.tracer.span_texts import masked, masked_attribute, masked_status

_logger = logging.getLogger(__name__)


class RecordingSpan(sdk.Span):
    """A span of the SDK's class that creates lists and bounded attributes when it first needs them.

    Started by `Tracer.start_span`.
    """

    shared: TracerSharedState

    _context: SpanContext
    _start_time: int
    _attributes: dict[str, Any] | BoundedAttributes

    #: Defaults that most spans keep: on the class, so that no span has to set them.
    _instrumentation_info = None
    _status = UNSET
    _events: Sequence[sdk.Event] = ()
    _links: Sequence[Link] = ()
    _record_exception = True
    _set_status_on_exception = True
    _end_time: int | None = None

    def __init__(  # does not call sdk.Span's, which makes locks and lists for every span
        self,
        shared: TracerSharedState,
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
        self.shared = shared
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
        self._max_attributes = shared.max_attributes
        self._attributes = {}
        if attributes:
            self.set_attributes(attributes)

    @property
    def _limits(self) -> sdk.SpanLimits:
        return self.shared.limits

    @property
    def _resource(self) -> Resource:  # type: ignore[override]
        return self.shared.resource

    @property
    def _instrumentation_scope(self) -> InstrumentationScope:  # type: ignore[override]
        return self.shared.scope

    def set_attribute(self, key: str, value: AnyValue) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Setting attribute on ended span.")
                return
            attributes = self._attributes
            if type(attributes) is dict and self.shared.can_encode(key, value):
                attributes.pop(key, None)
                attributes[key] = masked_attribute(key, value)
                if len(attributes) <= self._max_attributes:
                    return
                del attributes[key]
            self._bounded()[key] = _well_formed(value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Setting attribute on ended span.")
                return
            self._put(attributes)

    def _put(self, attributes: Mapping[str, AnyValue]) -> None:
        own = self._attributes
        can_encode = self.shared.can_encode
        if type(own) is dict and len(own) + len(attributes) <= self._max_attributes:
            for key, value in attributes.items():
                if not can_encode(key, value):
                    break
            else:
                for key, value in attributes.items():
                    own.pop(key, None)
                    own[key] = masked_attribute(key, value)
                return
        self._bounded()._set_items({key: _well_formed(value) for key, value in attributes.items()})

    def _bounded(self) -> BoundedAttributes:
        """The attributes as the SDK keeps them: it converts, shortens and drops by the limits."""
        attributes = self._attributes
        if not isinstance(attributes, BoundedAttributes):
            attributes = self._attributes = BoundedAttributes(
                self._limits.max_span_attributes,
                {key: _well_formed(value) for key, value in attributes.items()},
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
        if self._status is not UNSET and self._end_time is None:
            self._complete_error()
        with self._lock:
            if self._end_time is not None:
                _logger.warning("Calling end() on an ended span.")
                return
            self._end_time = time_ns() if end_time is None else end_time
        if self._context[3] & TraceFlags.SAMPLED:
            ENDED_SPANS.add(self)

    def _complete_error(self) -> None:
        """Say with what the span failed, where it did and its maker has not said so."""
        self._status = masked_status(self._status)
        if self._status.status_code is not StatusCode.ERROR or ERROR_TYPE in self._attributes:
            return
        attributes = self.attributes or {}
        if ERROR_TYPE not in attributes and len(attributes) < self.shared.max_attributes:
            self.set_attribute(ERROR_TYPE, error_type(self._events))

    def encoded(self) -> bytes:
        """The ended span as an OTLP message."""
        attributes = self._attributes
        if type(attributes) is dict and type(self._events) is tuple and type(self._links) is tuple:
            times = (self._start_time, self._end_time or 0)
            return encode(
                self._context, self._parent, self._name, self._kind, times, attributes, self._status
            )
        return self._encoded_by_sdk()

    def _encoded_by_sdk(self) -> bytes:
        self._bounded()
        self._name = well_formed(self._name)
        if self._status.description:
            self._status = Status(self._status.status_code, well_formed(self._status.description))
        (of_resource,) = encode_spans([masked(self._readable_span())]).resource_spans
        encoded: bytes = of_resource.scope_spans[0].spans[0].SerializeToString()
        return encoded


def _well_formed(value: AnyValue) -> AnyValue:
    return well_formed(value) if isinstance(value, str) else value
