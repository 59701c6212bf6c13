"""Metrics, log lines, flow counts and notes of the events that are accepted or refused."""

from datetime import datetime
from typing import Final

from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.ingest.subscription_index import SubscriptionIndex
from broker.rio.metrics import ApiMetrics
from broker.rio.model.event import Event
from broker.rio.model.states import State, log_state
from broker.rio.store.flow_counts import FlowCounts
from observability.http.problem import Problem

_REASONS: Final = {
    400: "malformed",
    401: "unauthorized",
    403: "not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "schema",
    424: "held_back",
    429: "too_many",
    503: "unavailable",
}
_OTHER_REASON: Final = "other"


class IngestObserver:
    """Counts and logs the outcome of every event."""

    def __init__(
        self, metrics: ApiMetrics, index: SubscriptionIndex, flow_counts: FlowCounts, flow_notes: FlowNotes
    ) -> None:
        self._metrics = metrics
        self._index = index
        self._flow_counts = flow_counts
        self._flow_notes = flow_notes
        for reason in (*_REASONS.values(), _OTHER_REASON):
            metrics.refused.labels(reason)  # at 0: an alert sees the first ones as an increase

    def published(self, event: Event) -> None:
        """Count an event that RabbitMQ has confirmed. Call this in the event's span."""
        subscriptions = self._index.of(event.type)
        self._metrics.accepted.labels(event.type).inc()
        if not subscriptions:
            self._metrics.unrouted.labels(event.type).inc()
        self._flow_counts.emitted(event)
        self._flow_notes.accepted(event)
        log_state(State.ACCEPTED, event, routed=bool(subscriptions))
        for subscription in subscriptions:
            log_state(State.QUEUED, event, subscription)

    def scheduled(self, event: Event, due_at: datetime) -> None:
        """Count an event that PostgreSQL keeps until it is due. Call this in the event's span."""
        self._metrics.scheduled.labels(event.type).inc()
        log_state(State.SCHEDULED, event, due_at=due_at.isoformat())

    def repeated(self) -> None:
        """Count an event that was accepted before."""
        self._metrics.repeated.inc()

    def refused(self, problem: Problem) -> None:
        """Count a refusal of an event, or of a whole request."""
        self._metrics.refused.labels(_REASONS.get(problem.status, _OTHER_REASON)).inc()
