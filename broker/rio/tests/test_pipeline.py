"""A check that fails unexpectedly costs its own event alone; nothing waits for it. No server is needed."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tornado.httputil import HTTPHeaders

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.publisher import Publisher
from broker.rio.ingest.authorization import Authorization, check_type
from broker.rio.ingest.deduplication import Deduplication
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.ingest.messages import Outcome, Request
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.pipeline import Pipeline
from broker.rio.ingest.publication import Publication
from broker.rio.ingest.scheduling import Scheduling
from broker.rio.ingest.spans import EventSpans
from broker.rio.ingest.subscription_index import SubscriptionIndex
from broker.rio.metrics import ApiMetrics, RecordMetrics
from broker.rio.model.event import BATCH, Event
from broker.rio.model.sender import Sender, Senders
from broker.rio.settings import SenderEntry
from broker.rio.store.accepted import Accepted
from broker.rio.store.database import Database
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.scheduled import Schedule
from broker.rio.store.subscriptions import Subscriptions
from observability import Telemetry
from observability.settings import Settings

NOWHERE = "postgresql://127.0.0.1:9/rio"


def broken(_: Sender, event: Event) -> Outcome:
    raise RuntimeError(f"no check of {event.id}")


@pytest.fixture
async def pipeline() -> AsyncIterator[Pipeline]:
    """A pipeline whose parts were never opened; the sender `shop` may emit `shop.*`."""
    telemetry = Telemetry(Settings.from_env("rio", {}))
    metrics, database = ApiMetrics(telemetry.registry), Database(NOWHERE)
    index = SubscriptionIndex(Subscriptions(database))
    flow_counts = FlowCounts(database, RecordMetrics(telemetry.registry))
    observer = IngestObserver(metrics, index, flow_counts, FlowNotes())
    spans = EventSpans(telemetry.tracer)
    address = RabbitAddress("amqp://guest@127.0.0.1:9//", "guest")
    publisher = Publisher(address, asyncio.get_running_loop(), declare=lambda _: None, capacity=10)
    senders = Senders({"shop": "t-shop"}, {"shop": SenderEntry(types=["shop.*"])})
    yield Pipeline(
        telemetry,
        authorization=Authorization(senders),
        checks=[check_type, broken],
        deduplication=Deduplication(Accepted(NOWHERE, 60), observer),
        publication=Publication(publisher, spans, observer),
        scheduling=Scheduling(Schedule(database), spans, observer),
        observer=observer,
        is_ready=lambda: True,
    )
    telemetry.shutdown(0)


async def test_every_event_has_its_own_outcome(pipeline: Pipeline) -> None:
    events = [
        {"specversion": "1.0", "id": id_, "source": "/shop", "type": type_}
        for id_, type_ in (("1", "shop.a"), ("2", "other.a"), ("1", "shop.a"))
    ]
    headers = HTTPHeaders({"Authorization": "Bearer t-shop", "Content-Type": BATCH})
    for _ in range(2):
        response = await pipeline.respond(Request("/events", "", headers, json.dumps(events).encode()))
        refused = json.loads(response.body)["refused"]
        assert [each["problem"]["status"] for each in refused] == [500, 403, 500]
