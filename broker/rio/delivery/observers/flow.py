"""Counts of delivered events, from which the topology shows the flow from sources to subscriptions."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.verdict import Verdict
from broker.rio.store.flow_counts import FlowCounts


class FlowObserver(Observer):
    """Counts delivered events by source, type and subscription."""

    def __init__(self, flow_counts: FlowCounts) -> None:
        self._flow_counts = flow_counts

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        if attempt.judgement.verdict is Verdict.DELIVERED:
            event = attempt.message.event
            self._flow_counts.delivered(event.source, event.type, attempt.subscription.id)
