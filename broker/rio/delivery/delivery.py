"""One attempt to deliver a message, and what becomes of it: delivered, put back for later, or buried."""

import logging
import time
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode

from broker.rio.amqp.outgoing import Outgoing
from broker.rio.amqp.publisher import NotPublished, Publisher
from broker.rio.amqp.topology import delay_route
from broker.rio.delivery.circuit import Circuit
from broker.rio.delivery.readings import Readings
from broker.rio.delivery.retry import Judgement, Verdict, asked_seconds, judge
from broker.rio.delivery.spans import Spans
from broker.rio.delivery.webhook import Answer, Webhook
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.message import Attempt, Message
from broker.rio.model.states import State, tell
from broker.rio.model.subscription import Status, Subscription
from broker.rio.store.dead_letters import DeadLetters, Failure
from broker.rio.store.deliveries import Delivered, Deliveries
from broker.rio.store.seen import Seen
from broker.rio.store.sink_holds import SinkHolds
from broker.rio.store.subscriptions import Subscriptions
from observability.http.retry_after import read_retry_after

_logger = logging.getLogger(__name__)

_EMPTY: Final = Context()
_REASON: Final = 300
_GONE: Final = "the sink answered 410: it wants no more events"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message."""

    verdict: Verdict
    pause_seconds: float = 0.0
    later: Message | None = None
    """The message for the next attempt, if there is one."""


_DELIVERED: Final = Outcome(Verdict.DELIVERED)


@dataclass(frozen=True, slots=True)
class Means:
    """What the deliveries of one subscription are made and measured with."""

    webhook: Webhook
    circuit: Circuit
    readings: Readings
    spans: Spans


class Delivery:
    """Makes attempts and sees to their consequences."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        dead_letters: DeadLetters,
        subscriptions: Subscriptions,
        deliveries: Deliveries,
        seen: Seen,
        sink_holds: SinkHolds,
    ) -> None:
        self._publisher = publisher
        self._dead_letters = dead_letters
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._seen = seen
        self._sink_holds = sink_holds

    async def attempt(self, message: Message, subscription: Subscription, means: Means) -> Outcome:
        """Make the next attempt. When this returns, its outcome is durable; a RETRY of an ordered
        subscription is left to the caller, as is the message of a paused one.

        Whatever else goes wrong counts as a failed attempt. Raises NotPublished, psycopg.OperationalError,
        PoolTimeout or TooManyRequests when the outcome could not be kept.
        """
        linked = message.replayed or subscription.policy.trace == "link"
        span = means.spans.start(message, linked=linked)
        token = context.attach(trace.set_span_in_context(span, _EMPTY))
        try:
            started_at = time.time()
            try:
                tell(State.ATTEMPT, message.event, subscription.id, attempt=message.attempt)
                answer = await means.webhook.post(message.event, span.get_span_context(), message.replay)
                return await self._conclude(message, subscription, means, span, answer, started_at)
            except (NotPublished, *AWAY):
                raise
            except Exception as error:
                extra = {"event_id": message.event.id, "subscription": subscription.id}
                _logger.exception("delivery failed unexpectedly", extra=extra)
                answer = Answer(None, f"unexpected: {error!r}"[:_REASON], time.time() - started_at)
                return await self._conclude(message, subscription, means, span, answer, started_at)
        except BaseException as error:
            span.set_status(StatusCode.ERROR, repr(error))
            raise
        finally:
            context.detach(token)
            span.end()

    async def _conclude(
        self,
        message: Message,
        subscription: Subscription,
        means: Means,
        span: Span,
        answer: Answer,
        started_at: float,
    ) -> Outcome:
        """See to what the sink's answer means for the event."""
        own = span.get_span_context()
        means.circuit.record(success=answer.working)
        first_at = message.first_attempt_at or started_at
        retry_after = read_retry_after(answer.retry_after) if answer.retry_after else None
        if retry_after is not None:
            held_seconds = asked_seconds(subscription.policy.retry, retry_after)
            means.circuit.hold(held_seconds)
            self._sink_holds.note(subscription.sink, held_seconds)
        judgement = judge(
            subscription.policy, answer.status, message.attempt, started_at - first_at, retry_after
        )
        trace_id = trace.format_trace_id(own.trace_id)
        told: dict[str, str | int] = {"rio.outcome": str(judgement.verdict)}
        if answer.status is not None:
            told["http.response.status_code"] = answer.status
        span.set_attributes(told)
        means.readings.attempted(judgement.verdict, answer.status, answer.seconds, trace_id)
        self._record(message, subscription, judgement.verdict, answer, started_at, trace_id)
        if judgement.verdict is Verdict.DELIVERED:
            self._delivered(message, subscription, answer, means.readings, trace_id)
            return _DELIVERED
        span.set_status(StatusCode.ERROR, answer.reason)
        attempt = Attempt(
            started_at,
            answer.status,
            round(answer.seconds, 6),
            answer.reason,
            answer.text,
            trace_id,
            trace.format_span_id(own.span_id),
        )
        return await self._failed(message, subscription, judgement, answer, attempt)

    def _delivered(
        self,
        message: Message,
        subscription: Subscription,
        answer: Answer,
        readings: Readings,
        trace_id: str,
    ) -> None:
        event, latency = message.event, max(0.0, time.time() - message.accepted_at)
        readings.delivered(latency, trace_id)
        self._seen.delivered(event.source, event.type, subscription.id)
        tell(
            State.DELIVERED,
            event,
            subscription.id,
            attempt=message.attempt,
            status=answer.status,
            latency_ms=round(latency * 1000, 1),
        )

    async def _failed(
        self,
        message: Message,
        subscription: Subscription,
        judgement: Judgement,
        answer: Answer,
        attempt: Attempt,
    ) -> Outcome:
        later = message.attempted(attempt)
        fields: dict[str, Any] = {
            "attempt": message.attempt,
            "status": answer.status,
            "reason": answer.reason,
        }
        if judgement.verdict is Verdict.GONE:
            await self._subscriptions.set_status(subscription.id, Status.PAUSED, _GONE)
            _logger.warning("subscription paused", extra={"subscription": subscription.id, "reason": _GONE})
            tell(State.QUEUED, message.event, subscription.id, **fields)  # it stays where it is
        elif judgement.verdict is Verdict.DEAD:
            failure = Failure(f"{answer.reason}; {judgement.why}", answer.status, answer.text)
            await self._dead_letters.bury(subscription.id, message.noted(attempt), failure)
            tell(State.DEAD, message.event, subscription.id, **fields)
        else:
            # Told first: after a short pause the next attempt begins before RabbitMQ has confirmed this.
            pause = round(judgement.pause_seconds, 1)
            tell(State.RETRY, message.event, subscription.id, pause_seconds=pause, **fields)
            if not subscription.policy.ordered:
                await self._put_back(later, subscription, judgement.pause_seconds)
        return Outcome(judgement.verdict, judgement.pause_seconds, later)

    async def _put_back(self, later: Message, subscription: Subscription, pause_seconds: float) -> None:
        exchange, routing_key = delay_route(subscription.id, pause_seconds)
        event = later.event
        outgoing = Outgoing(exchange, routing_key, later.headers(), event.content_type, event.body)
        if not await self._publisher.publish(outgoing):
            raise NotPublished("no queue to wait in for the next attempt")

    def _record(
        self,
        message: Message,
        subscription: Subscription,
        verdict: Verdict,
        answer: Answer,
        started_at: float,
        trace_id: str,
    ) -> None:
        if verdict is Verdict.DELIVERED and not self._deliveries.samples():
            return
        event = message.event
        self._deliveries.record(
            Delivered(
                subscription.id,
                event.source,
                event.id,
                event.type,
                message.attempt,
                started_at,
                answer.seconds,
                answer.status,
                str(verdict),
                "" if verdict is Verdict.DELIVERED else answer.reason,
                answer.text,
                trace_id,
            )
        )
