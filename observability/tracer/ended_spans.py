"""Spans that have ended and wait to be encoded, many in a row."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from observability.deferred import DEFERRED
from observability.tracer.shared_state import TracerSharedState
from observability.tracer.span_record import RecordTemplate, SpanRecord


class EndedSpan(Protocol):
    """A span that has ended."""

    @property
    def shared(self) -> TracerSharedState:
        """What it has in common with all spans of its tracer."""

    def encoded(self) -> bytes:
        """The span as OTLP has it."""


def _write_records(ended: list[SpanRecord]) -> None:
    """Encode records and hand them over, those of one template together."""
    by_template: dict[RecordTemplate, list[SpanRecord]] = defaultdict(list)
    for record in ended:
        by_template[record.template].append(record)
    for template, records in by_template.items():
        _write_spans(template.export(records))


def _write_spans(ended: Iterable[EndedSpan]) -> None:
    """Encode spans one by one and hand them over."""
    for span in ended:
        try:
            span.shared.export([span.encoded()])
        except Exception:
            span.shared.lose()


ENDED_RECORDS = DEFERRED.queue(_write_records)
ENDED_SPANS = DEFERRED.queue(_write_spans)
