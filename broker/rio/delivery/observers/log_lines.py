"""One log line for each state of an event, in the trace of its attempt."""

from typing import Final

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.verdict import Verdict
from broker.rio.model.states import State, log_state

#: States that are true once the outcome is stored. After a 410 the event stays in its queue.
_STORED: Final = {Verdict.DEAD: State.DEAD, Verdict.GONE: State.QUEUED}


class LogLines(Observer):
    """Writes the lines `attempt`, then `delivered`, `retry`, `dead` or `queued`."""

    def before_attempt(self, attempt: DeliveryAttempt) -> None:
        message = attempt.message
        log_state(State.ATTEMPT, message.event, attempt.subscription.id, attempt=message.attempt)

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        message, judgement = attempt.message, attempt.judgement
        if judgement.verdict is Verdict.DELIVERED:
            log_state(
                State.DELIVERED,
                message.event,
                attempt.subscription.id,
                attempt=message.attempt,
                status=attempt.answer.status,
                latency_ms=round(attempt.latency_seconds * 1000, 1),
            )
        elif judgement.verdict is Verdict.RETRY:
            # Before it is stored: after a short pause the next attempt begins before RabbitMQ has confirmed.
            self._write_failure(State.RETRY, attempt, pause_ms=round(judgement.pause_seconds * 1000))

    def after_outcome(self, attempt: DeliveryAttempt) -> None:
        state = _STORED.get(attempt.judgement.verdict)
        if state is not None:
            self._write_failure(state, attempt)

    def _write_failure(self, state: State, attempt: DeliveryAttempt, **fields: float) -> None:
        answer, message = attempt.answer, attempt.message
        log_state(
            state,
            message.event,
            attempt.subscription.id,
            **fields,
            attempt=message.attempt,
            status=answer.status,
            reason=answer.reason,
        )
