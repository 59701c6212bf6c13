"""Refreshes the API's copies of subscriptions, senders and schemas from PostgreSQL."""

from broker.rio.admin.schemas import refresh_schemas
from broker.rio.admin.senders import refresh_senders
from broker.rio.ingest.subscription_index import SubscriptionIndex
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Senders
from broker.rio.store.schemas import StoredSchemas
from broker.rio.store.senders import StoredSenders


class Refresh:
    """Reads them again: another API process may have changed them."""

    def __init__(
        self,
        index: SubscriptionIndex,
        senders: Senders,
        stored_senders: StoredSenders,
        schemas: Schemas,
        stored_schemas: StoredSchemas,
    ) -> None:
        self._index = index
        self._senders, self._stored_senders = senders, stored_senders
        self._schemas, self._stored_schemas = schemas, stored_schemas

    async def run(self) -> None:
        """Read all of them. Raises psycopg's errors while PostgreSQL is away."""
        await self._index.refresh()
        await refresh_senders(self._senders, self._stored_senders)
        await refresh_schemas(self._schemas, self._stored_schemas)
