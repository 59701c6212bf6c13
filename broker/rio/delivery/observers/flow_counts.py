"""Counts of delivered events, from which the topology shows the flow from sources to subscriptions."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.verdict import Verdict
from broker.rio.store.seen import Seen


class FlowCounts(Observer):
    """Counts delivered events by source, type and subscription."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        if attempt.judgement.verdict is Verdict.DELIVERED:
            event = attempt.message.event
            self._seen.delivered(event.source, event.type, attempt.subscription.id)
