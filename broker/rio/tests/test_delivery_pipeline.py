"""The pipeline's order: hooks before outcomes, and what becomes of an attempt that fails on the way."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import psycopg
import pytest
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.consumer import Consumer, ConsumerSpec, ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.circuit_breaker import CircuitBreaker
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.observers.metrics import DeliveryMetrics
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.outcomes.filtered import Filtered
from broker.rio.delivery.outcomes.not_kept import NotKept
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.pacing import Pacing
from broker.rio.delivery.pipeline import Pipeline
from broker.rio.delivery.queues.unordered import UnorderedQueue
from broker.rio.delivery.signing import Secrets
from broker.rio.delivery.verdict import Verdict
from broker.rio.delivery.webhook import Webhook, WebhookContext
from broker.rio.metrics import DispatcherMetrics
from broker.rio.model.event import Event
from broker.rio.model.message import Message
from broker.rio.model.subscription import Subscription
from broker.tests.outside import Outside, answer

SPEC = ConsumerSpec(1, "s", 8, ordered=False)


class Steps(Observer, Outcome):
    """Notes its steps; `failures` are raised by `store`, one after another."""

    def __init__(self, name: str, steps: list[str]) -> None:
        self._name, self._steps = name, steps
        self.failures: list[Exception] = []

    def before_attempt(self, attempt: DeliveryAttempt) -> None:
        self._steps.append(f"{self._name} before")

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        self._steps.append(f"{self._name} {attempt.answer.status} {attempt.judgement.verdict}")

    def after_outcome(self, attempt: DeliveryAttempt) -> None:
        self._steps.append(f"{self._name} outcome")

    def end_attempt(self, attempt: DeliveryAttempt, error: BaseException | None) -> None:
        self._steps.append(f"{self._name} end" + (f" {type(error).__name__}" if error else ""))

    async def store(self, attempt: DeliveryAttempt) -> None:
        self._steps.append(f"{self._name} store")
        if self.failures:
            raise self.failures.pop(0)

    async def settle(self, attempt: DeliveryAttempt) -> None:
        self._steps.append(f"{self._name} settle")


@dataclass
class Delivery:
    """A pipeline of an unordered subscription with two observers and outcomes that note their steps."""

    outside: Outside
    steps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry, self.stopped = CollectorRegistry(), asyncio.Event()
        self.stopped.set()  # no pause before what is not kept is put back
        consumers = Consumers(
            RabbitAddress("amqp://guest@127.0.0.1:9", "guest"),
            asyncio.get_running_loop(),
            receive=lambda _batch: None,
            show_lengths=lambda _lengths: None,
        )
        subscription = Subscription("s", ("a.b",), f"{self.outside.url}/in", source="/x")
        self.queue = UnorderedQueue(consumers, {}, lambda: None)
        self.webhook = Webhook(
            subscription, WebhookContext("", "", Sinks(["127.0.0.1"]), Secrets("key"), NoOpTracer())
        )
        self.outcomes = {verdict: Steps(verdict, self.steps) for verdict in Verdict}
        metrics = DeliveryMetrics(DispatcherMetrics(self.registry), "s")
        self.pipeline = Pipeline(
            subscription,
            queue=self.queue,
            pacing=Pacing(None, CircuitBreaker(), self.stopped),
            webhook=self.webhook,
            observers=(Steps("first", self.steps), Steps("second", self.steps)),
            outcomes=self.outcomes,
            filtered=Filtered(consumers, "s"),
            not_kept=NotKept(self.queue, metrics, "s", self.stopped),
        )

    async def deliver(self) -> list[str]:
        """Deliver one message; returns the steps."""
        self.pipeline.receive(received("/x"))
        taken = self.queue.take()
        assert taken is not None
        await self.pipeline.deliver(taken)
        return self.steps

    def not_kept(self, reason: str) -> float | None:
        labels = {"subscription": "s", "reason": reason}
        return self.registry.get_sample_value("rio_outcomes_not_kept_total", labels)


def received(source: str) -> ReceivedMessage:
    attributes = {"specversion": "1.0", "id": "1", "source": source, "type": "a.b"}
    return ReceivedMessage(Message(Event(attributes, None, b"{}"), {}, 0.0), Consumer(SPEC, None), 1)


@pytest.fixture
async def delivery() -> AsyncIterator[Delivery]:
    outside = Outside()
    found = Delivery(outside)
    yield found
    await found.webhook.close()
    outside.stop()


BEFORE = ["first before", "second before"]


async def test_observers_see_an_attempt_before_its_outcome_is_stored_and_settled(delivery: Delivery) -> None:
    assert await delivery.deliver() == [
        *BEFORE,
        *["first 204 delivered", "second 204 delivered"],
        "delivered store",
        *["first outcome", "second outcome"],
        *["second end", "first end"],
        "delivered settle",
    ]


@pytest.mark.parametrize(("status", "verdict"), [(500, "retry"), (422, "dead"), (410, "gone")])
async def test_the_verdict_chooses_the_outcome(delivery: Delivery, status: int, verdict: str) -> None:
    delivery.outside.reply = lambda _request: answer(status)
    steps = await delivery.deliver()
    assert [step for step in steps if step.endswith(("store", "settle"))] == [
        f"{verdict} store",
        f"{verdict} settle",
    ]


async def test_what_the_subscription_is_not_for_is_not_attempted(delivery: Delivery) -> None:
    delivery.pipeline.receive(received("/elsewhere"))
    assert delivery.queue.take() is None


async def test_an_unexpected_error_makes_it_a_failed_attempt(delivery: Delivery) -> None:
    delivery.outcomes[Verdict.DELIVERED].failures = [ValueError("unexpected")]
    assert await delivery.deliver() == [
        *BEFORE,
        *["first 204 delivered", "second 204 delivered"],
        "delivered store",
        *["first None retry", "second None retry"],
        "retry store",
        *["first outcome", "second outcome"],
        *["second end", "first end"],
        "retry settle",
    ]


async def test_what_cannot_be_stored_while_postgresql_is_away_is_put_back(delivery: Delivery) -> None:
    delivery.outcomes[Verdict.DELIVERED].failures = [psycopg.OperationalError("away")]
    steps = await delivery.deliver()
    assert steps[-3:] == ["delivered store", "second end OperationalError", "first end OperationalError"]
    assert (delivery.not_kept("unavailable"), delivery.not_kept("unexpected")) == (1, 0)
    assert delivery.queue.oldest_accepted_at() is None
