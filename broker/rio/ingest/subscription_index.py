"""Which subscriptions get the events of a type, in memory, for log lines and metrics. RabbitMQ routes."""

from collections.abc import Sequence
from typing import Final

from broker.rio.model.pattern import matches
from broker.rio.store.subscriptions import Subscriptions

_REMEMBERED: Final = 10_000


class SubscriptionIndex:
    """The subscriptions as last read."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._patterns: list[tuple[str, Sequence[str]]] = []
        self._by_type: dict[str, tuple[str, ...]] = {}

    async def refresh(self) -> None:
        """Read the subscriptions from PostgreSQL again."""
        patterns = [(found.id, found.types) for found in await self._subscriptions.all()]
        if patterns != self._patterns:
            self._patterns, self._by_type = list(patterns), {}

    def of(self, type_: str) -> tuple[str, ...]:
        """Ids of the subscriptions whose queues get events of this type."""
        found = self._by_type.get(type_)
        if found is None:
            if len(self._by_type) >= _REMEMBERED:
                self._by_type.clear()
            found = self._by_type[type_] = tuple(
                id_ for id_, patterns in self._patterns if any(matches(one, type_) for one in patterns)
            )
        return found
