"""What is measured of one subscription: its series, looked up once instead of at every event."""

from enum import StrEnum
from typing import Any, Final

from broker.rio.delivery.retry import Verdict
from broker.rio.metrics import DispatcherMetrics

_NO_ANSWER: Final = "none"


class NotKept(StrEnum):
    """Why the outcome of an attempt could not be kept."""

    UNAVAILABLE = "unavailable"
    """RabbitMQ or PostgreSQL is away."""
    UNEXPECTED = "unexpected"


class Readings:
    """The series of one subscription. The latest trace is shown beside a measure (an exemplar)."""

    def __init__(self, metrics: DispatcherMetrics, subscription_id: str) -> None:
        self._metrics = metrics
        self._id = subscription_id
        self._attempts: dict[str, Any] = {}
        self._attempt_seconds = metrics.attempt_seconds.of(subscription_id)
        self._latency_seconds = metrics.latency_seconds.of(subscription_id)
        self._not_kept = {reason: metrics.not_kept.labels(subscription_id, str(reason)) for reason in NotKept}
        self._outcomes = {
            verdict: metrics.deliveries.labels(subscription_id, str(verdict)) for verdict in Verdict
        }

    def attempted(self, verdict: Verdict, status: int | None, seconds: float, trace_id: str) -> None:
        """One attempt: what it means for the event, and how long the sink took."""
        self._outcomes[verdict].inc()
        class_ = _NO_ANSWER if status is None else f"{status // 100}xx"
        counter = self._attempts.get(class_)
        if counter is None:
            counter = self._attempts[class_] = self._metrics.attempts.labels(self._id, class_)
        counter.inc()
        self._attempt_seconds.observe(seconds, trace_id)

    def not_kept(self, reason: NotKept) -> None:
        """The outcome of an attempt could not be kept."""
        self._not_kept[reason].inc()

    def delivered(self, latency_seconds: float, trace_id: str) -> None:
        """How long after it was accepted an event was delivered."""
        self._latency_seconds.observe(latency_seconds, trace_id)
