"""The API's addresses."""

from typing import Any

from broker.rio.admin.dead_letters import (
    DeadLetterHandler,
    DeadLetterReplayHandler,
    DeadLettersHandler,
    DiscardManyHandler,
    ReplayManyHandler,
)
from broker.rio.admin.deliveries import DeliveriesHandler, DeliveryHandler, RedeliverHandler
from broker.rio.admin.events import EventsHandler, ShortFormHandler
from broker.rio.admin.handler import Rio, RioHandler
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
from broker.rio.ingest.short_form import SHORT_PATTERN


def routes(rio: Rio) -> list[tuple[str, type[RioHandler], dict[str, Any]]]:
    """The API's addresses."""
    arguments = {"rio": rio}
    return [
        (r"/events", EventsHandler, arguments),
        (SHORT_PATTERN, ShortFormHandler, arguments),
        (r"/senders", SendersHandler, arguments),
        (r"/senders/([^/]+)", SenderHandler, arguments),
        (r"/schemas", SchemasHandler, arguments),
        (r"/schemas/([^/]+)", SchemaHandler, arguments),
        (r"/scheduled", ScheduledHandler, arguments),
        (r"/scheduled/([0-9]+)", ScheduledEventHandler, arguments),
        (r"/tail", TailHandler, arguments),
        (r"/subscriptions", SubscriptionsHandler, arguments),
        (r"/subscriptions/([^/]+)", SubscriptionHandler, arguments),
        (r"/subscriptions/([^/]+)/pause", PauseHandler, arguments),
        (r"/subscriptions/([^/]+)/resume", ResumeHandler, arguments),
        (r"/subscriptions/([^/]+)/secret", SecretHandler, arguments),
        (r"/subscriptions/([^/]+)/secret/rotate", RotateHandler, arguments),
        (r"/dead-letters", DeadLettersHandler, arguments),
        (r"/dead-letters/replay", ReplayManyHandler, arguments),
        (r"/dead-letters/discard", DiscardManyHandler, arguments),
        (r"/dead-letters/([0-9]+)", DeadLetterHandler, arguments),
        (r"/dead-letters/([0-9]+)/replay", DeadLetterReplayHandler, arguments),
        (r"/deliveries", DeliveriesHandler, arguments),
        (r"/deliveries/([0-9]+)", DeliveryHandler, arguments),
        (r"/deliveries/([0-9]+)/redeliver", RedeliverHandler, arguments),
        (r"/replays", ReplaysHandler, arguments),
        (r"/replays/([0-9]+)", ReplayHandler, arguments),
        (r"/topology", TopologyHandler, arguments),
    ]
