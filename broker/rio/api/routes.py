"""The API's addresses."""

from typing import Any

from broker.rio.api.dead_letters import DeadLetterHandler, DeadLettersHandler, ReplayHandler
from broker.rio.api.events import EventsHandler
from broker.rio.api.handler import Rio, RioHandler
from broker.rio.api.subscriptions import SubscriptionHandler, SubscriptionsHandler


def routes(rio: Rio) -> list[tuple[str, type[RioHandler], dict[str, Any]]]:
    """The API's addresses."""
    arguments = {"rio": rio}
    return [
        (r"/events", EventsHandler, arguments),
        (r"/subscriptions", SubscriptionsHandler, arguments),
        (r"/subscriptions/([^/]+)", SubscriptionHandler, arguments),
        (r"/dead-letters", DeadLettersHandler, arguments),
        (r"/dead-letters/([0-9]+)", DeadLetterHandler, arguments),
        (r"/dead-letters/([0-9]+)/replay", ReplayHandler, arguments),
    ]
