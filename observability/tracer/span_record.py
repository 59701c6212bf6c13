"""Spans of a template of which little was said: what a record of one keeps until it is encoded."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from observability.tracer.encoder import Plain
from observability.tracer.shared_state import TracerSharedState


class RecordTemplate(Protocol):
    """What the spans of one place in the code have in common, as records of them need it."""

    @property
    def shared(self) -> TracerSharedState:
        """What the spans of its tracer have in common."""

    def export(self, records: Sequence["SpanRecord"]) -> Sequence["SpanRecord"]:
        """Encode records and hand them over; returns those that need `SpanRecord.encoded`."""


class SpanRecord:
    """A span without state and status, of which nothing was said but one attribute at its end, at most.

    Attributes:
        template: its template, as it is prepared for the tracer.
        trace_id: big-endian, as are the other ids.
        parent_id: None where it begins the trace.
        remote: whether the parent is.
        started: nanoseconds since the epoch, as is `ended`.
        values: of its template's variables; it has not got one that is None.
        last: value of its template's last attribute; None where it has not got it.
    """

    __slots__ = (
        "ended", "last", "parent_id", "remote", "span_id", "started", "template", "trace_id", "values",
    )  # fmt: skip

    template: RecordTemplate
    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    remote: bool
    started: int
    ended: int
    values: tuple[Plain | None, ...]
    last: Plain | None

    @property
    def shared(self) -> TracerSharedState:
        """What it has in common with all spans of its tracer."""
        return self.template.shared

    @abstractmethod
    def encoded(self) -> bytes:
        """The ended span as OTLP has it, by way of a real one."""
