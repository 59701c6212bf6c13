"""Scheduled events are published when they are due."""

from typing import Final

from broker.rio.ingest.publication import Publication
from broker.rio.store.scheduled import Schedule

_AT_ONCE: Final = 100


class DueEvents:
    """Publishes scheduled events whose time has come; of many processes each takes others."""

    def __init__(self, schedule: Schedule, publication: Publication) -> None:
        self._schedule = schedule
        self._publication = publication

    async def turn(self) -> None:
        """Publish all that are due; those RabbitMQ did not confirm stay for the next turn.

        However many these are, as of a queue without a leader, those behind them are not kept waiting.
        """
        after = None
        while True:
            async with self._schedule.due(_AT_ONCE, after) as due:
                confirmed = await self._publication.publish_due(due.events) if due.events else []
                await due.done(confirmed)
            if len(due.events) < _AT_ONCE or not self._publication.is_available():
                return
            after = due.events[-1]
