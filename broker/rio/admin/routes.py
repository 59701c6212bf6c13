"""The API's addresses."""

from typing import Any

from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.dead_letter_batches import DiscardManyHandler, ReplayManyHandler
from broker.rio.admin.dead_letters import DeadLetterHandler, DeadLetterReplayHandler, DeadLettersHandler
from broker.rio.admin.deliveries import DeliveriesHandler, DeliveryHandler, RedeliverHandler
from broker.rio.admin.events import EventsHandler, ShortFormHandler
from broker.rio.admin.handler import RioHandler
from broker.rio.admin.registry import Registry
from broker.rio.admin.replays import ReplayHandler, ReplaysHandler
from broker.rio.admin.scheduled import ScheduledEventHandler, ScheduledHandler
from broker.rio.admin.schemas import SchemaHandler, SchemasHandler
from broker.rio.admin.senders import SenderHandler, SendersHandler
from broker.rio.admin.subscriptions import (
    PauseHandler,
    ResumeHandler,
    RotateHandler,
    SecretHandler,
    SubscriptionHandler,
    SubscriptionsHandler,
)
from broker.rio.admin.tail import TailHandler
from broker.rio.admin.topology import TopologyHandler
from broker.rio.delivery.signing import Secrets
from broker.rio.flow.watching import Tail
from broker.rio.ingest.short_form import SHORT_PATTERN
from broker.rio.jobs.resending import Resending
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Senders
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.replays import Replays
from broker.rio.store.scheduled import Schedule
from broker.rio.store.schemas import StoredSchemas
from broker.rio.store.senders import StoredSenders
from broker.rio.store.subscriptions import Subscriptions

Route = tuple[str, type[RioHandler], dict[str, Any]]


def routes(
    *,
    senders: Senders,
    stored_senders: StoredSenders,
    schemas: Schemas,
    stored_schemas: StoredSchemas,
    schedule: Schedule,
    tail: Tail,
    registry: Registry,
    subscriptions: Subscriptions,
    secrets: Secrets,
    resending: Resending,
    dead_letters: DeadLetters,
    deliveries: Deliveries,
    replays: Replays,
    catalog: DeclaredCatalog,
    flow_counts: FlowCounts,
) -> list[Route]:
    """The API's addresses, each with what its handler uses beside the senders that it lets in."""

    def using(**parts: Any) -> dict[str, Any]:
        return {"senders": senders, **parts}

    of_events = using()
    of_senders = using(stored_senders=stored_senders, subscriptions=subscriptions, registry=registry)
    of_schemas = using(schemas=schemas, stored_schemas=stored_schemas)
    of_schedule = using(schedule=schedule)
    of_subscriptions = using(subscriptions=subscriptions, registry=registry, secrets=secrets)
    of_letters = using(dead_letters=dead_letters, resending=resending)
    of_deliveries = using(
        deliveries=deliveries,
        dead_letters=dead_letters,
        resending=resending,
        subscriptions=subscriptions,
        replays=replays,
    )
    of_replays = using(replays=replays, subscriptions=subscriptions)
    return [
        (r"/events", EventsHandler, of_events),
        (SHORT_PATTERN, ShortFormHandler, of_events),
        (r"/senders", SendersHandler, of_senders),
        (r"/senders/([^/]+)", SenderHandler, of_senders),
        (r"/schemas", SchemasHandler, of_schemas),
        (r"/schemas/([^/]+)", SchemaHandler, of_schemas),
        (r"/scheduled", ScheduledHandler, of_schedule),
        (r"/scheduled/([0-9]+)", ScheduledEventHandler, of_schedule),
        (r"/tail", TailHandler, using(tail=tail)),
        (r"/subscriptions", SubscriptionsHandler, of_subscriptions),
        (r"/subscriptions/([^/]+)", SubscriptionHandler, of_subscriptions),
        (r"/subscriptions/([^/]+)/pause", PauseHandler, of_subscriptions),
        (r"/subscriptions/([^/]+)/resume", ResumeHandler, of_subscriptions),
        (r"/subscriptions/([^/]+)/secret", SecretHandler, of_subscriptions),
        (r"/subscriptions/([^/]+)/secret/rotate", RotateHandler, of_subscriptions),
        (r"/dead-letters", DeadLettersHandler, of_letters),
        (r"/dead-letters/replay", ReplayManyHandler, of_letters),
        (r"/dead-letters/discard", DiscardManyHandler, of_letters),
        (r"/dead-letters/([0-9]+)", DeadLetterHandler, of_letters),
        (r"/dead-letters/([0-9]+)/replay", DeadLetterReplayHandler, of_letters),
        (r"/deliveries", DeliveriesHandler, of_deliveries),
        (r"/deliveries/([0-9]+)", DeliveryHandler, of_deliveries),
        (r"/deliveries/([0-9]+)/redeliver", RedeliverHandler, of_deliveries),
        (r"/replays", ReplaysHandler, of_replays),
        (r"/replays/([0-9]+)", ReplayHandler, of_replays),
        (
            r"/topology",
            TopologyHandler,
            using(catalog=catalog, subscriptions=subscriptions, flow_counts=flow_counts),
        ),
    ]
