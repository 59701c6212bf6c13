"""Which queues are examined for too much that waits. No server is needed but a sink."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.consumer import Consumer, ConsumerSpec, ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.amqp.publisher import Publisher
from broker.rio.delivery import circuit_breaker
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.factory import DeliveryContext
from broker.rio.delivery.signing import Secrets
from broker.rio.delivery.webhook import WebhookContext
from broker.rio.delivery.workers import Workers
from broker.rio.metrics import DispatcherMetrics, RecordMetrics
from broker.rio.model.event import Event
from broker.rio.model.message import Message
from broker.rio.model.subscription import Status, Subscription
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.held import Held
from broker.rio.store.sink_holds import SinkHolds
from broker.rio.store.subscriptions import Subscriptions
from broker.tests.outside import Outside, answer
from broker.tests.servers import wait_until


class Dispatched:
    """Workers whose connections were never opened, and their metrics. At most 1 MB may wait."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        loop, database = asyncio.get_running_loop(), Database("postgresql://127.0.0.1:9/rio")
        address, records = RabbitAddress("amqp://guest@127.0.0.1:9", "guest"), RecordMetrics(self.registry)
        context = DeliveryContext(
            consumers=Consumers(
                address, loop, receive=lambda _batch: None, show_lengths=lambda _lengths: None
            ),
            publisher=Publisher(address, loop, declare=lambda _channel: None, capacity=10),
            webhook=WebhookContext("", "", Sinks(["127.0.0.1"]), Secrets("key"), NoOpTracer()),
            metrics=DispatcherMetrics(self.registry),
            subscriptions=Subscriptions(database),
            dead_letters=DeadLetters(database),
            deliveries=Deliveries(database, records),
            held=Held(database, "tests"),
            flow_counts=FlowCounts(database, records),
            sink_holds=SinkHolds(database),
        )
        self.workers = Workers(context, waiting_megabytes=1)

    def examines(self) -> bool:
        """Whether a length of the queue of `s` has it examined, which a task does."""
        before = asyncio.all_tasks()
        self.workers.note_lengths({"s": 1000})
        return asyncio.all_tasks() != before

    def attempts(self) -> float:
        labels = {"subscription": "s", "status_class": "5xx"}
        return self.registry.get_sample_value("rio_delivery_attempts_total", labels) or 0.0


@pytest.fixture
async def dispatched() -> AsyncIterator[Dispatched]:
    found = Dispatched()
    yield found
    await found.workers.stop(5)


async def test_a_queue_is_examined_once_its_sink_has_failed_for_long(
    dispatched: Dispatched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "_FAILING_SECONDS", 0.0)
    outside = Outside(reply=lambda _request: answer(503))
    dispatched.workers.follow([Subscription("s", ("a.b",), f"{outside.url}/in")])
    assert not dispatched.examines()
    attributes = {"specversion": "1.0", "id": "1", "source": "/x", "type": "a.b"}
    message = Message(Event(attributes, None, b"{}"), {}, time.time())
    consumer = Consumer(ConsumerSpec(1, "s", 8, ordered=False), None)
    dispatched.workers.receive([ReceivedMessage(message, consumer, 1)])
    await asyncio.to_thread(wait_until, lambda: dispatched.attempts() > 0, what="an attempt")
    assert dispatched.examines()
    outside.stop()


async def test_no_queue_is_examined_once_the_dispatcher_stops(dispatched: Dispatched) -> None:
    """The events of an active subscription are another dispatcher's, or the next one's."""
    dispatched.workers.follow([Subscription("s", ("a.b",), "http://127.0.0.1:9/in")])
    await dispatched.workers.stop(5)
    assert not dispatched.examines()


async def test_what_overflows_is_counted_from_0(dispatched: Dispatched) -> None:
    """A rate sees the first ones as an increase."""
    dispatched.workers.follow([Subscription("s", ("a.b",), "http://127.0.0.1:9/in", status=Status.PAUSED)])
    assert dispatched.registry.get_sample_value("rio_queue_overflow_total", {"subscription": "s"}) == 0
