"""Idempotent consumption: Rio delivers at least once, the inbox lets an event act once.

Once at each path that takes it, and once more for each replay: what is kept is the delivery's id.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from broker.client.webhook import Event
from observability.postgresql.text import indexable

_INSERT: Final = """
INSERT INTO inbox (source, id) VALUES (%(source)s, %(id)s) ON CONFLICT (source, id) DO NOTHING
"""


class Result(Protocol):
    """The result of a statement: a DB-API cursor or SQLAlchemy's CursorResult."""

    @property
    def rowcount(self) -> int: ...


def first_time(execute: Callable[[str, Mapping[str, Any]], Result], event: Event) -> bool:
    """Record the event in the caller's open transaction; False when this delivery was consumed before.

    `execute` runs SQL with psycopg's named parameters. A concurrent delivery of the same event waits
    for the first one's transaction, so exactly one of the two acts.
    """
    return execute(_INSERT, _key(event)).rowcount == 1


async def first_time_async(
    execute: Callable[[str, Mapping[str, Any]], Awaitable[Result]], event: Event
) -> bool:
    """Like `first_time`, for an `execute` to be awaited."""
    return (await execute(_INSERT, _key(event))).rowcount == 1


def _key(event: Event) -> dict[str, str]:
    return {"source": indexable(event.source), "id": event.delivery or indexable(event.id)}
