"""The API's stores in PostgreSQL."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from broker.rio.metrics import RecordMetrics
from broker.rio.settings import Settings
from broker.rio.store.accepted import Accepted
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.flow_noters import FlowNoters
from broker.rio.store.flows import Flows
from broker.rio.store.replays import Replays
from broker.rio.store.scheduled import Schedule
from broker.rio.store.schemas import StoredSchemas
from broker.rio.store.senders import StoredSenders
from broker.rio.store.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """One store for each kind of record. All but `accepted` share the database's connections."""

    database: Database
    accepted: Accepted
    senders: StoredSenders
    schemas: StoredSchemas
    subscriptions: Subscriptions
    schedule: Schedule
    dead_letters: DeadLetters
    deliveries: Deliveries
    replays: Replays
    flow_counts: FlowCounts
    flows: Flows
    flow_noters: FlowNoters

    @classmethod
    def of(cls, settings: Settings, registry: CollectorRegistry) -> "Stores":
        """The stores of an API process; they connect in `open`."""
        database, records = Database(settings.database_url), RecordMetrics(registry)
        return cls(
            database=database,
            accepted=Accepted(settings.database_url, settings.deduplication_seconds),
            senders=StoredSenders(database),
            schemas=StoredSchemas(database),
            subscriptions=Subscriptions(database),
            schedule=Schedule(database),
            dead_letters=DeadLetters(database),
            deliveries=Deliveries(database, records),
            replays=Replays(database),
            flow_counts=FlowCounts(database, records),
            flows=Flows(database),
            flow_noters=FlowNoters(database),
        )

    async def open(self) -> None:
        """Start connecting; does not wait for PostgreSQL."""
        await self.database.open()
        await self.accepted.open()

    async def close(self) -> None:
        """Disconnect."""
        await self.accepted.close()
        await self.database.close()
