"""Events that are due later: when, and kept until then."""

from datetime import datetime, timedelta
from typing import Final

import psycopg
from opentelemetry import trace

from broker.rio import tracing
from broker.rio.ingest.messages import Outcome
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.spans import EventSpans
from broker.rio.model.event import NOT_BEFORE, Event, read_time
from broker.rio.model.sender import Sender
from broker.rio.store.scheduled import MAX_SCHEDULED, Schedule
from observability.http.problem import Problem
from observability.span_error import set_error, type_of

MAX_AHEAD: Final = timedelta(days=30)


class Scheduling:
    """Keeps events in PostgreSQL until they are due."""

    def __init__(self, schedule: Schedule, spans: EventSpans, observer: IngestObserver) -> None:
        self._schedule = schedule
        self._spans = spans
        self._observer = observer

    async def keep(self, sender: Sender, event: Event, due_at: datetime) -> Outcome:
        """Keep an event; 429 where too many are kept. Raises psycopg's errors while PostgreSQL is away."""
        with trace.use_span(self._spans.of_request("schedule", event), end_on_exit=True) as span:
            try:
                is_kept = await self._schedule.add(event, due_at, sender.name, tracing.headers_of(span))
            except psycopg.Error as error:
                set_error(span, type_of(error))
                raise
            if not is_kept:
                detail = f"{MAX_SCHEDULED} events are scheduled already"
                return Problem(429, "Too many scheduled events", detail=detail, headers={"Retry-After": "60"})
            self._observer.scheduled(event, due_at)
            return None


def due_time(event: Event, now: datetime, after_seconds: float) -> datetime | None:
    """When an event is due, by its `notbefore` or by a delay, whichever is later; None of one that is due.

    Raises:
        Problem: 400: `notbefore` is no time, or further ahead than `MAX_AHEAD`.
    """
    text = event.attributes.get(NOT_BEFORE)
    if text is None and not after_seconds:
        return None
    due_at = now + timedelta(seconds=after_seconds)
    if text is not None:
        due_at = max(due_at, read_time(text, NOT_BEFORE))
    if due_at > now + MAX_AHEAD:
        detail = f"at most {MAX_AHEAD.days} days ahead"
        errors = [{"pointer": f"#/{NOT_BEFORE}", "detail": detail}]
        raise Problem(400, "Scheduled too far ahead", detail=detail, errors=errors)
    return due_at if due_at > now else None
