"""Ended spans, which wait some milliseconds so that many are encoded in a row (`observability.deferred`)."""

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
        """The state that all spans of the tracer share."""

    def encoded(self) -> bytes:
        """The span as an OTLP message."""


def _export_records(ended: list[SpanRecord]) -> None:
    """Encode records and hand them to the batcher, those of one template together."""
    by_template: dict[RecordTemplate, list[SpanRecord]] = defaultdict(list)
    for record in ended:
        by_template[record.template].append(record)
    for template, records in by_template.items():
        _export_spans(template.export(records))


def _export_spans(ended: Iterable[EndedSpan]) -> None:
    """Encode spans one by one and hand them to the batcher."""
    for span in ended:
        try:
            span.shared.export([span.encoded()])
        except Exception:
            span.shared.drop()


ENDED_RECORDS = DEFERRED.queue(_export_records)
ENDED_SPANS = DEFERRED.queue(_export_spans)
