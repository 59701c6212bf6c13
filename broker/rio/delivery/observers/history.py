"""The delivery history that the API shows: every failed attempt, and a sample of the successful ones."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.verdict import Verdict
from broker.rio.store.deliveries import Deliveries, RecordedAttempt


class History(Observer):
    """Records attempts; they are written to PostgreSQL later, in batches."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        is_delivered = attempt.judgement.verdict is Verdict.DELIVERED
        if is_delivered and not self._deliveries.samples():
            return
        event, answer = attempt.message.event, attempt.answer
        self._deliveries.record(
            RecordedAttempt(
                subscription=attempt.subscription.id,
                event_source=event.source,
                event_id=event.id,
                event_type=event.type,
                attempt=attempt.message.attempt,
                at=attempt.started_at,
                seconds=answer.seconds,
                status=answer.status,
                outcome=str(attempt.judgement.verdict),
                reason="" if is_delivered else answer.reason,
                response=answer.text,
                trace_id=attempt.trace_id,
            )
        )
