"""The API's addresses."""

from typing import Any

from broker.rio.api.dead_letters import (
    DeadLetterHandler,
    DeadLetterReplayHandler,
    DeadLettersHandler,
    DiscardManyHandler,
    ReplayManyHandler,
)
from broker.rio.api.deliveries import DeliveriesHandler, DeliveryHandler, RedeliverHandler
from broker.rio.api.events import EventsHandler
from broker.rio.api.handler import Rio, RioHandler
from broker.rio.api.replays import ReplayHandler, ReplaysHandler
from broker.rio.api.subscriptions import SubscriptionHandler, SubscriptionsHandler
from broker.rio.api.topology import TopologyHandler


def routes(rio: Rio) -> list[tuple[str, type[RioHandler], dict[str, Any]]]:
    """The API's addresses."""
    arguments = {"rio": rio}
    return [
        (r"/events", EventsHandler, arguments),
        (r"/subscriptions", SubscriptionsHandler, arguments),
        (r"/subscriptions/([^/]+)", SubscriptionHandler, arguments),
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
