"""The way of a message to its sink: take, filter, pace, attempt, judge, record, settle.

1. take: `receive` gets a message of RabbitMQ, `queues/` gives it out when it may be delivered.
2. filter: an event that the subscription's filters leave out is dropped.
3. pace: the attempt waits for the subscription's rate and the sink's circuit breaker (`pacing.py`).
4. attempt: the event is posted (`webhook.py`).
5. judge: the sink's answer says what becomes of the event (`verdict.py`).
6. record: metrics, spans, log lines, history and the circuit breaker see the attempt (`observers/`).
7. settle: what becomes of the event is stored, then RabbitMQ may forget it (`outcomes/`).
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.outcomes.filtered import Filtered
from broker.rio.delivery.outcomes.not_kept import NotKept
from broker.rio.delivery.outcomes.outcome import UNAVAILABLE, Outcome
from broker.rio.delivery.pacing import Pacing
from broker.rio.delivery.queues.queue import DeliveryQueue
from broker.rio.delivery.verdict import Verdict, judge
from broker.rio.delivery.webhook import SinkAnswer, Webhook
from broker.rio.model.subscription import Subscription

_logger = logging.getLogger(__name__)

_MAX_REASON: Final = 300


class Pipeline:
    """Delivers the messages of one subscription."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        queue: DeliveryQueue,
        pacing: Pacing,
        webhook: Webhook,
        observers: Sequence[Observer],
        outcomes: Mapping[Verdict, Outcome],
        filtered: Filtered,
        not_kept: NotKept,
    ) -> None:
        """`observers` are called in this order, `end_attempt` in the opposite one."""
        self._subscription = subscription
        self._queue = queue
        self._pacing = pacing
        self._webhook = webhook
        self._observers = observers
        self._ending = tuple(reversed(observers))
        self._outcomes = outcomes
        self._filtered = filtered
        self._not_kept = not_kept

    def follow(self, subscription: Subscription) -> None:
        """Deliver as the subscription is now. Sink and policy stay as they were."""
        self._subscription = subscription
        self._webhook.follow(subscription)

    def receive(self, received: ReceivedMessage) -> None:
        """Queue a message of RabbitMQ, or drop it if the subscription is not for its event."""
        if self._subscription.is_for(received.message.event):
            self._queue.add(received)
        else:
            self._filtered.settle(received)

    async def deliver(self, received: ReceivedMessage) -> None:
        """Deliver a message that the queue gave out, and settle it; raises nothing."""
        if not received.consumer.is_open:
            self._queue.forget(received)  # RabbitMQ has requeued it, and delivers it anew
            return
        try:
            if self._pacing.is_unlimited or await self._pacing.wait():
                attempt = await self._attempt(received)
                await self._outcomes[attempt.judgement.verdict].settle(attempt)
            else:
                self._queue.put_back(received)
        except Exception as error:
            await self._not_kept.settle(received, error)

    async def _attempt(self, received: ReceivedMessage) -> DeliveryAttempt:
        """Make an attempt. When this returns, what becomes of the event is stored.

        An unexpected error makes it a failed attempt, so that an event which always causes one becomes a dead
        letter. Raises one of UNAVAILABLE if RabbitMQ or PostgreSQL is away, or the error if the outcome of
        that failed attempt cannot be stored.
        """
        attempt = DeliveryAttempt(received, received.message, self._subscription)
        failure: BaseException | None = None
        try:
            try:
                for observer in self._observers:
                    observer.before_attempt(attempt)
                attempt.answer = await self._webhook.post(
                    attempt.message.event, attempt.span.get_span_context(), attempt.message.replay
                )
                await self._conclude(attempt)
            except UNAVAILABLE:
                raise
            except Exception as error:
                extra = {"event_id": attempt.message.event.id, "subscription": self._subscription.id}
                _logger.exception("delivery failed unexpectedly", extra=extra)
                reason = f"unexpected: {error!r}"[:_MAX_REASON]
                attempt.answer = SinkAnswer(None, reason, time.time() - attempt.started_at)
                await self._conclude(attempt)
        except BaseException as error:
            failure = error
            raise
        finally:
            for observer in self._ending:
                observer.end_attempt(attempt, failure)
        return attempt

    async def _conclude(self, attempt: DeliveryAttempt) -> None:
        """Judge the answer, have the attempt recorded, and store what becomes of the event."""
        attempt.judgement = judge(
            attempt.subscription.policy,
            attempt.answer.status,
            attempt.message.attempt,
            attempt.elapsed_seconds,
            attempt.answer.retry_after_seconds,
        )
        for observer in self._observers:
            observer.after_attempt(attempt)
        await self._outcomes[attempt.judgement.verdict].store(attempt)
        for observer in self._observers:
            observer.after_outcome(attempt)
