"""Reports attempts to the sink's circuit breaker, and a sink's Retry-After to all dispatchers."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.backoff import asked_seconds
from broker.rio.delivery.circuit_breaker import CircuitBreaker
from broker.rio.delivery.observers.observer import Observer
from broker.rio.store.sink_holds import SinkHolds


class CircuitObserver(Observer):
    """Counts successes and failures of the sink, and notes for how long it asked to be left alone."""

    def __init__(self, circuit_breaker: CircuitBreaker, sink_holds: SinkHolds) -> None:
        self._circuit_breaker = circuit_breaker
        self._sink_holds = sink_holds

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        answer = attempt.answer
        self._circuit_breaker.record(success=answer.is_from_working_sink)
        if answer.retry_after_seconds is not None:
            subscription = attempt.subscription
            seconds = asked_seconds(subscription.policy.retry, answer.retry_after_seconds)
            self._circuit_breaker.hold(seconds)
            self._sink_holds.note(subscription.sink, seconds)
