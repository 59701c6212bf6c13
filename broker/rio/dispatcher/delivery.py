"""What becomes of one received message: delivered, put back for later, or buried. Settled only after that."""

import asyncio
import logging
import time
from typing import Final

import psycopg
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from psycopg_pool import PoolTimeout

from broker.rio import tracing
from broker.rio.dispatcher import retry
from broker.rio.dispatcher.retry import Verdict
from broker.rio.dispatcher.webhook import Answer, Webhook
from broker.rio.message import Attempt, Message
from broker.rio.metrics import DispatcherMetrics
from broker.rio.rabbitmq.consumers import Consumers, Received
from broker.rio.rabbitmq.publisher import NotPublished, Outgoing, Publisher
from broker.rio.rabbitmq.topology import queue_name, retry_exchange
from broker.rio.store.dead_letters import DeadLetters, Failure
from broker.rio.subscription import Subscription
from observability.tracing import current_trace_id

_logger = logging.getLogger(__name__)

_HOLD_SECONDS: Final = 2.0


class Delivery:
    """Takes received messages to their sinks."""

    def __init__(
        self,
        *,
        webhook: Webhook,
        publisher: Publisher,
        dead_letters: DeadLetters,
        metrics: DispatcherMetrics,
        tracer: Tracer,
    ) -> None:
        self._webhook = webhook
        self._publisher = publisher
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._tracer = tracer

    async def handle(
        self, received: Received, subscription: Subscription | None, consumers: Consumers
    ) -> None:
        """Deliver and settle one message; never raises but for being cancelled."""
        try:
            if subscription is None:
                # Unsubscribed while it was on its way: its queue is about to go, or already has.
                await asyncio.sleep(_HOLD_SECONDS)
                consumers.settle(received, done=False)
                return
            await self._process(received.message, subscription)
            consumers.settle(received, done=True)
        except (NotPublished, psycopg.OperationalError, PoolTimeout) as error:
            await self._hold(received, consumers, error)
        except Exception as error:
            _logger.exception("delivery failed unexpectedly", extra=_fields(received.message, subscription))
            await self._hold(received, consumers, error)

    async def _hold(self, received: Received, consumers: Consumers, error: Exception) -> None:
        """Neither RabbitMQ nor PostgreSQL would take the outcome: the message stays in its queue."""
        reason = {"reason": repr(error), "event_id": received.message.event.id}
        _logger.warning("the outcome cannot be kept; the event goes back to its queue", extra=reason)
        await asyncio.sleep(_HOLD_SECONDS)
        consumers.settle(received, done=False)

    async def _process(self, message: Message, subscription: Subscription) -> None:
        event = message.event
        if subscription.source is not None and event.source != subscription.source:
            return
        attributes = tracing.attributes(event, "process", queue_name(subscription.id))
        attributes["messaging.consumer.group.name"] = subscription.id
        attributes["rio.attempt"] = message.attempt
        with self._tracer.start_as_current_span(
            f"process {event.type}",
            context=tracing.context_of(message.trace) or Context(),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        ) as span:
            started_at = time.time()
            answer = await self._webhook.post(subscription.sink, event)
            first_at = started_at if message.first_attempt_at is None else message.first_attempt_at
            verdict = retry.judge(answer.status, message.attempt, started_at - first_at)
            span.set_attribute("rio.outcome", verdict.value)
            if verdict is not Verdict.DELIVERED:
                span.set_status(StatusCode.ERROR, _reason(answer))
            await self._settle(verdict, message, subscription, answer, started_at)
            self._count(verdict, message, subscription, answer)

    async def _settle(
        self,
        verdict: Verdict,
        message: Message,
        subscription: Subscription,
        answer: Answer,
        started_at: float,
    ) -> None:
        if verdict is Verdict.RETRY:
            await self._retry(message, subscription, _attempt(answer, started_at))
        elif verdict is Verdict.DEAD:
            failure = Failure(_reason(answer), answer.status, answer.text)
            await self._dead_letters.bury(subscription.id, message, failure)

    async def _retry(self, message: Message, subscription: Subscription, attempt: Attempt) -> None:
        later = message.attempted(attempt)
        routed = await self._publisher.publish(
            Outgoing(
                exchange=retry_exchange(retry.delay_seconds(message.attempt)),
                routing_key=queue_name(subscription.id),
                headers=later.headers(),
                content_type=message.event.content_type,
                body=message.event.body,
            )
        )
        if not routed:
            raise NotPublished("no queue to wait in for the next attempt")

    def _count(self, verdict: Verdict, message: Message, subscription: Subscription, answer: Answer) -> None:
        metrics, now = self._metrics, time.time()
        exemplar = _exemplar()
        metrics.deliveries.labels(subscription.id, verdict.value).inc()
        metrics.attempt_seconds.labels(subscription.id).observe(answer.seconds, exemplar)
        extra = {**_fields(message, subscription), "status": answer.status, "attempt": message.attempt}
        if verdict is Verdict.DELIVERED:
            latency = max(0.0, now - message.accepted_at)
            metrics.latency_seconds.labels(subscription.id).observe(latency, exemplar)
            _logger.info("delivered", extra={**extra, "latency_ms": round(latency * 1000, 1)})
        else:
            _logger.warning(verdict.value, extra={**extra, "reason": _reason(answer)})


def _attempt(answer: Answer, started_at: float) -> Attempt:
    return Attempt(started_at, answer.status, answer.seconds, _reason(answer), answer.text)


def _reason(answer: Answer) -> str:
    return answer.text[:300] if answer.status is None else f"the sink answered {answer.status}"


def _exemplar() -> dict[str, str] | None:
    trace_id = current_trace_id()
    return None if trace_id is None else {"trace_id": trace_id}


def _fields(message: Message, subscription: Subscription | None) -> dict[str, object]:
    return {
        "event_id": message.event.id,
        "event_type": message.event.type,
        "subscription": None if subscription is None else subscription.id,
    }
