"""Spans that have ended and wait to be encoded, those of one template in a row."""

from collections import defaultdict
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


def _write(ended: list[EndedSpan]) -> None:
    """Encode spans and hand them over."""
    by_template: dict[RecordTemplate, list[SpanRecord]] = defaultdict(list)
    others: list[EndedSpan] = []
    for span in ended:
        if isinstance(span, SpanRecord):
            by_template[span.template].append(span)
        else:
            others.append(span)
    for template, records in by_template.items():
        others += template.export(records)
    for span in others:
        try:
            span.shared.export([span.encoded()])
        except Exception:
            span.shared.lose()


ENDED_SPANS = DEFERRED.queue(_write)
