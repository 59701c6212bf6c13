"""The metrics of one subscription's deliveries."""

from enum import StrEnum
from typing import Any, Final

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.verdict import Verdict
from broker.rio.metrics import DispatcherMetrics

_NO_ANSWER: Final = "none"


class NotKeptReason(StrEnum):
    """Why the outcome of an attempt could not be kept."""

    UNAVAILABLE = "unavailable"
    """RabbitMQ or PostgreSQL is away."""
    UNEXPECTED = "unexpected"


class DeliveryMetrics(Observer):
    """Counts attempts, with the latest trace beside each measure (an exemplar).

    The series are looked up once instead of at every event.
    """

    def __init__(self, metrics: DispatcherMetrics, subscription_id: str) -> None:
        self._metrics = metrics
        self._id = subscription_id
        self._attempts: dict[str, Any] = {}
        self._attempt_seconds = metrics.attempt_seconds.of(subscription_id)
        self._latency_seconds = metrics.latency_seconds.of(subscription_id)
        self._not_kept = {
            reason: metrics.not_kept.labels(subscription_id, str(reason)) for reason in NotKeptReason
        }
        self._verdicts = {
            verdict: metrics.deliveries.labels(subscription_id, str(verdict)) for verdict in Verdict
        }

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        answer, verdict = attempt.answer, attempt.judgement.verdict
        self._verdicts[verdict].inc()
        status_class = _NO_ANSWER if answer.status is None else f"{answer.status // 100}xx"
        counter = self._attempts.get(status_class)
        if counter is None:
            counter = self._attempts[status_class] = self._metrics.attempts.labels(self._id, status_class)
        counter.inc()
        self._attempt_seconds.observe(answer.seconds, attempt.trace_id)
        if verdict is Verdict.DELIVERED:
            self._latency_seconds.observe(attempt.latency_seconds, attempt.trace_id)

    def count_not_kept(self, reason: NotKeptReason) -> None:
        """The outcome of an attempt could not be kept; the event is delivered again."""
        self._not_kept[reason].inc()
