"""The pipeline of a subscription, put together: its queue, its observers in order, and its outcomes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from broker.rio.amqp.consumer import ConsumerSpec
from broker.rio.amqp.consumers import Consumers
from broker.rio.amqp.publisher import Publisher
from broker.rio.delivery.circuit_breaker import CircuitBreaker
from broker.rio.delivery.observers.circuit import CircuitObserver
from broker.rio.delivery.observers.flow import FlowObserver
from broker.rio.delivery.observers.history import History
from broker.rio.delivery.observers.log_lines import LogLines
from broker.rio.delivery.observers.metrics import DeliveryMetrics
from broker.rio.delivery.observers.spans import Spans
from broker.rio.delivery.outcomes.dead_letter import DeadLettered
from broker.rio.delivery.outcomes.delivered import Delivered
from broker.rio.delivery.outcomes.filtered import Filtered
from broker.rio.delivery.outcomes.held import HeldInOrder
from broker.rio.delivery.outcomes.not_kept import NotKept
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.outcomes.paused import Paused
from broker.rio.delivery.outcomes.retried import Retried
from broker.rio.delivery.pacing import Pacing
from broker.rio.delivery.pipeline import Pipeline
from broker.rio.delivery.queues.ordered import OrderedQueue
from broker.rio.delivery.queues.queue import AttemptedMessages, DeliveryQueue
from broker.rio.delivery.queues.unordered import UnorderedQueue
from broker.rio.delivery.verdict import Verdict
from broker.rio.delivery.webhook import Webhook, WebhookContext
from broker.rio.metrics import DispatcherMetrics
from broker.rio.model.subscription import Subscription
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.held import Held
from broker.rio.store.sink_holds import SinkHolds
from broker.rio.store.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """The connections, stores and metrics that the deliveries of all subscriptions share."""

    consumers: Consumers
    publisher: Publisher
    webhook: WebhookContext
    metrics: DispatcherMetrics
    subscriptions: Subscriptions
    dead_letters: DeadLetters
    deliveries: Deliveries
    held: Held
    flow_counts: FlowCounts
    sink_holds: SinkHolds


class Parts(NamedTuple):
    """A pipeline, and what its worker needs of it."""

    pipeline: Pipeline
    queue: DeliveryQueue
    webhook: Webhook


def build(
    context: DeliveryContext,
    spec: ConsumerSpec,
    subscription: Subscription,
    circuit_breaker: CircuitBreaker,
    *,
    attempted: AttemptedMessages,
    on_ready: Callable[[], None],
    stopped: asyncio.Event,
) -> Parts:
    """Build the pipeline of a subscription.

    Args:
        context: what it shares with the others.
        spec: how its queue is consumed.
        subscription: what it delivers, and how.
        circuit_breaker: of its sink.
        attempted: messages that a worker before this one had made attempts for.
        on_ready: called when a message may be taken from the queue.
        stopped: ends waits; set when a sink wants no more events.
    """
    consumers, policy = context.consumers, subscription.policy
    webhook = Webhook(subscription, context.webhook)
    metrics = DeliveryMetrics(context.metrics, subscription.id)
    queue: DeliveryQueue
    retry: Outcome
    if policy.ordered:
        queue = OrderedQueue(
            consumers, attempted, on_ready, spec=spec, held=context.held, metrics=metrics, stopped=stopped
        )
        retry = HeldInOrder(queue)
    else:
        queue = UnorderedQueue(consumers, attempted, on_ready)
        retry = Retried(queue, context.publisher)
    pipeline = Pipeline(
        subscription,
        queue=queue,
        pacing=Pacing(policy.rate_per_second, circuit_breaker, stopped),
        webhook=webhook,
        observers=(
            Spans(context.webhook.tracer, subscription.id),
            CircuitObserver(circuit_breaker, context.sink_holds),
            metrics,
            History(context.deliveries),
            FlowObserver(context.flow_counts),
            LogLines(),
        ),
        outcomes={
            Verdict.DELIVERED: Delivered(queue),
            Verdict.RETRY: retry,
            Verdict.DEAD: DeadLettered(queue, context.dead_letters),
            Verdict.GONE: Paused(queue, context.subscriptions, stopped),
        },
        filtered=Filtered(consumers, subscription.id),
        not_kept=NotKept(queue, metrics, subscription.id, stopped),
    )
    return Parts(pipeline, queue, webhook)
