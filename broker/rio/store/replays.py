"""Replays of past events in PostgreSQL: jobs that any API process works on, one process at a time.

Who works on one holds a lease and notes its position in the event log every second. A replay whose process
died is taken up again by another from the last position: some events may then come twice, none is left out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from psycopg.rows import DictRow

from broker.rio.store.database import Database

LEASE_SECONDS: Final = 20
MAX_RUNNING: Final = 20
"""Replays not finished at once; more are refused."""

_COLUMNS: Final = """
    *, CASE WHEN state = 'running' AND runs > 0 AND leased_until < now() THEN 'interrupted' ELSE state END
        AS shown_state
"""


class State(StrEnum):
    """How it stands with a replay."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """No process works on it at present; about to be taken up again."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TooManyReplays(Exception):
    """So many replays are not finished that no other is taken."""


@dataclass(frozen=True, slots=True)
class Order:
    """The events of a replay, and whether consumers are to act on them again."""

    subscription: str
    types: tuple[str, ...]
    """Patterns of event types."""
    since: datetime
    until: datetime
    event: tuple[str, str] | None = None
    """Only the event of this source and id."""
    again: bool = True
    """Whether consumers are to act once more on what they have consumed, or only on what they have not."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay and how far it is."""

    id: int
    order: Order
    state: State
    reason: str | None
    position: int | None
    """Where in the event log to go on; None before the first entry."""
    read: int
    replayed: int
    run: int
    """Which time it is that a process takes it up."""
    created_at: datetime
    finished_at: datetime | None


class Replays:
    """All replays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, order: Order, *, bounded: bool = True) -> Replay:
        """Order a replay; raises TooManyReplays where it is `bounded`, which those of Rio itself are not."""
        query = f"""
            INSERT INTO replays (subscription, types, since, until, event_source, event_id, again)
            SELECT %(subscription)s, %(types)s, %(since)s, %(until)s, %(source)s, %(id)s, %(again)s
            WHERE NOT %(bounded)s OR (SELECT count(*) FROM replays WHERE state = 'running') < %(max)s
            RETURNING {_COLUMNS}
        """  # noqa: S608 - made of constants
        source, event_id = order.event or (None, None)
        parameters = {
            "subscription": order.subscription,
            "types": list(order.types),
            "since": order.since,
            "until": order.until,
            "source": source,
            "id": event_id,
            "again": order.again,
            "bounded": bounded,
            "max": MAX_RUNNING,
        }
        rows = await self._database.fetch(query, parameters)
        if not rows:
            raise TooManyReplays
        return _replay(rows[0])

    async def newest(self, before: int | None, limit: int) -> list[Replay]:
        """The newest replays, older than the one with the id `before` if that is given."""
        query = f"""
            SELECT {_COLUMNS} FROM replays WHERE %(before)s::bigint IS NULL OR id < %(before)s
            ORDER BY id DESC LIMIT %(limit)s
        """  # noqa: S608 - made of constants
        rows = await self._database.fetch(query, {"before": before, "limit": limit})
        return [_replay(row) for row in rows]

    async def get(self, replay_id: int) -> Replay | None:
        """One replay, or None."""
        query = f"SELECT {_COLUMNS} FROM replays WHERE id = %(id)s"  # noqa: S608 - made of constants
        rows = await self._database.fetch(query, {"id": replay_id})
        return _replay(rows[0]) if rows else None

    async def cancel(self, replay_id: int) -> bool:
        """End a replay where it is; one that has ended stays as it is. False when there is none."""
        query = """
            WITH cancelled AS (
                UPDATE replays SET state = 'cancelled', finished_at = now()
                WHERE id = %(id)s AND state = 'running'
            )
            SELECT id FROM replays WHERE id = %(id)s
        """
        return bool(await self._database.fetch(query, {"id": replay_id}))

    # --- for who works on them

    async def claim(self) -> Replay | None:
        """Take up the oldest replay that no process works on, or None."""
        query = f"""
            UPDATE replays SET runs = runs + 1, leased_until = now() + %(lease)s * interval '1 second'
            WHERE id = (
                SELECT id FROM replays WHERE state = 'running' AND leased_until < now()
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING {_COLUMNS}
        """  # noqa: S608 - made of constants
        rows = await self._database.fetch(query, {"lease": LEASE_SECONDS})
        return _replay(rows[0]) if rows else None

    async def advance(self, replay: Replay, position: int, read: int, replayed: int) -> bool:
        """Note how far this run of the replay is, and renew the lease; False when it is to stop:
        cancelled, or taken up by another process."""
        query = """
            UPDATE replays SET position = %(position)s, read = %(read)s, replayed = %(replayed)s,
                leased_until = now() + %(lease)s * interval '1 second'
            WHERE id = %(id)s AND runs = %(run)s AND state = 'running' RETURNING id
        """
        parameters = {
            "position": position,
            "read": read,
            "replayed": replayed,
            "lease": LEASE_SECONDS,
            "id": replay.id,
            "run": replay.run,
        }
        return bool(await self._database.fetch(query, parameters))

    async def release(self, replay: Replay) -> None:
        """Let another process take the replay up at once."""
        query = """
            UPDATE replays SET leased_until = now()
            WHERE id = %(id)s AND runs = %(run)s AND state = 'running' RETURNING id
        """
        await self._database.fetch(query, {"id": replay.id, "run": replay.run})

    async def widen(self, replay: Replay) -> None:
        """Have the replay begin anew, at the log's first entry."""
        query = """
            UPDATE replays SET since = to_timestamp(0), position = NULL, leased_until = now()
            WHERE id = %(id)s AND runs = %(run)s AND state = 'running' RETURNING id
        """
        await self._database.fetch(query, {"id": replay.id, "run": replay.run})

    async def finish(self, replay: Replay, failure: str | None) -> None:
        """Note that the replay is done, or why it failed."""
        query = """
            UPDATE replays SET state = %(state)s, reason = %(reason)s, finished_at = now()
            WHERE id = %(id)s AND runs = %(run)s AND state = 'running' RETURNING id
        """
        parameters = {
            "state": "done" if failure is None else "failed",
            "reason": failure,
            "id": replay.id,
            "run": replay.run,
        }
        await self._database.fetch(query, parameters)


def _replay(row: DictRow) -> Replay:
    event = None if row["event_id"] is None else (row["event_source"], row["event_id"])
    return Replay(
        id=row["id"],
        order=Order(
            row["subscription"], tuple(row["types"]), row["since"], row["until"], event, row["again"]
        ),
        state=State(row["shown_state"]),
        reason=row["reason"],
        position=row["position"],
        read=row["read"],
        replayed=row["replayed"],
        run=row["runs"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )
