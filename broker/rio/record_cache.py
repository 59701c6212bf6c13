"""Senders, schemas and subscriptions in the memory of an API process."""

from broker.rio.admin.schemas import refresh_schemas
from broker.rio.admin.senders import refresh_senders
from broker.rio.ingest.subscription_index import SubscriptionIndex
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Senders
from broker.rio.store.stores import Stores


class RecordCache:
    """The records that every event is looked up in, as PostgreSQL had them at the last `refresh`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.senders = Senders()
        self.schemas = Schemas()
        self.subscriptions = SubscriptionIndex(stores.subscriptions)

    async def refresh(self) -> None:
        """Read all of them again: another API process may have changed them.

        Raises psycopg's errors while PostgreSQL is away.
        """
        await self.subscriptions.refresh()
        await refresh_senders(self.senders, self._stores.senders)
        await refresh_schemas(self.schemas, self._stores.schemas)
