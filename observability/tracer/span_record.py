"""The record of a span: what is kept of an ended span of a template until it is encoded.

Most spans have a name, two times, few attributes known at their start and one at their end. Records have
these alone, so that those of one template are encoded in one loop (`TemplateEncoder.encode_records`).
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from observability.tracer.encoder import Primitive
from observability.tracer.shared_state import TracerSharedState


class RecordTemplate(Protocol):
    """A template as its records need it: `PreparedTemplate`."""

    @property
    def shared(self) -> TracerSharedState:
        """The state that all spans of the tracer share."""

    def export(self, records: Sequence["SpanRecord"]) -> Sequence["SpanRecord"]:
        """Encode records and hand them over; returns those that need `SpanRecord.encoded`."""


class SpanRecord:
    """An ended span of a template, without events, links, status or trace state.

    Attributes:
        template: its template, as prepared for the tracer.
        trace_id: 16 bytes, big-endian.
        span_id: 8 bytes, big-endian, as is `parent_id`.
        parent_id: None where the span begins the trace.
        has_remote_parent: whether the parent is a span of another process.
        start_time: nanoseconds since the epoch, as is `end_time`.
        values: of the template's variable attributes, in their order; None for one that the span has not got.
        end_value: of the template's attribute `end_key`; None where the span has not got it.
    """

    __slots__ = (
        "end_time", "end_value", "has_remote_parent", "parent_id", "span_id", "start_time", "template",
        "trace_id", "values",
    )  # fmt: skip

    template: RecordTemplate
    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    has_remote_parent: bool
    start_time: int
    end_time: int
    values: tuple[Primitive | None, ...]
    end_value: Primitive | None

    @property
    def shared(self) -> TracerSharedState:
        """The state that all spans of the tracer share."""
        return self.template.shared

    @abstractmethod
    def encoded(self) -> bytes:
        """The span as an OTLP message, encoded as a recording span is: slower, and takes every value."""
