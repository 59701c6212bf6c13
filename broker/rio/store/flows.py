"""Flows in PostgreSQL: when their events were accepted, and what has become of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString, Self

from psycopg.rows import DictRow

from broker.rio.model.flow_judgement import Judgement, Outcome
from broker.rio.store.database import Connection, Database

_AT_ONCE: Final = 1000
_FINISHED_KEPT: Final = timedelta(minutes=15)
"""For so long a repeated event opens no flow; read again from the event log it is not older than that."""
_BROKEN_KEPT: Final = timedelta(days=7)
_COLUMNS: Final[LiteralString] = "rule, subject, times, traceparent, outcome, step, is_overdue"

# A finished flow stays as it is.
_NOTE: Final[LiteralString] = f"""
    INSERT INTO flows AS kept (rule, subject, times, traceparent)
    SELECT rule, subject, times::timestamptz[], traceparent
    FROM unnest(%(rules)s::text[], %(subjects)s::text[], %(times)s::text[], %(traces)s::text[])
        AS noted (rule, subject, times, traceparent)
    ON CONFLICT (rule, subject) DO UPDATE SET
        times = ARRAY(
            SELECT coalesce(known, more)
            FROM unnest(kept.times, excluded.times) WITH ORDINALITY AS pairs (known, more, place)
            ORDER BY place
        ),
        traceparent = coalesce(kept.traceparent, excluded.traceparent)
    WHERE NOT kept.is_finished
    RETURNING {_COLUMNS}
"""  # noqa: S608 - made of constants
_DUE: Final[LiteralString] = f"""
    SELECT {_COLUMNS} FROM flows WHERE look_at < %(now)s
    ORDER BY look_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - made of constants
_JUDGE: Final[LiteralString] = """
    UPDATE flows SET outcome = judged.outcome, step = judged.step, is_overdue = judged.is_overdue,
        is_finished = judged.is_finished, look_at = judged.look_at, kept_until = judged.kept_until
    FROM unnest(%(rules)s::text[], %(subjects)s::text[], %(outcomes)s::text[], %(steps)s::smallint[],
        %(overdue)s::boolean[], %(finished)s::boolean[], %(looks)s::timestamptz[], %(ends)s::timestamptz[])
        AS judged (rule, subject, outcome, step, is_overdue, is_finished, look_at, kept_until)
    WHERE (flows.rule, flows.subject) = (judged.rule, judged.subject)
"""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as it stands in the table."""

    rule: str
    subject: str
    times: Sequence[datetime | None]
    traceparent: str | None
    outcome: Outcome | None
    step: int | None
    is_overdue: bool

    @property
    def trace_id(self) -> str | None:
        """In hex."""
        return None if self.traceparent is None else self.traceparent.split("-")[1]

    @classmethod
    def of(cls, row: DictRow) -> Self:
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        return cls(**{**row, "outcome": outcome})


@dataclass(frozen=True, slots=True)
class OpenFlows:
    """How many open flows of a rule wait for a step."""

    rule: str
    step: int
    open: int
    overdue: int


Judge = Callable[[Flow], Judgement]


class Flows:
    """The flows of all API processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime:
        """The time by PostgreSQL's clock, which all processes share."""
        rows = await self._database.fetch("SELECT clock_timestamp() AS now", {})
        now: datetime = rows[0]["now"]
        return now

    async def note(self, noted: Sequence[Flow], judge: Judge, now: datetime) -> list[tuple[Flow, Judgement]]:
        """Add events, each flow once and at most once for each place, and judge the flows that changed."""
        judged: list[tuple[Flow, Judgement]] = []
        # In one order everywhere, so that two processes never wait for each other's rows.
        ordered = sorted(noted, key=lambda flow: (flow.rule, flow.subject))
        for start in range(0, len(ordered), _AT_ONCE):
            some = ordered[start : start + _AT_ONCE]
            parameters = {
                "rules": [flow.rule for flow in some],
                "subjects": [flow.subject for flow in some],
                "times": [_array(flow.times) for flow in some],
                "traces": [flow.traceparent for flow in some],
            }
            async with self._database.connection() as connection, connection.transaction():
                rows = await (await connection.execute(_NOTE, parameters)).fetchall()
                judged += await _judge(connection, map(Flow.of, rows), judge, now)
        return judged

    async def judge_due(self, judge: Judge, now: datetime) -> list[tuple[Flow, Judgement]]:
        """Judge flows whose judgement changes with time alone, at most some: the longest due first."""
        async with self._database.connection() as connection, connection.transaction():
            rows = await (await connection.execute(_DUE, {"now": now, "most": _AT_ONCE})).fetchall()
            return await _judge(connection, map(Flow.of, rows), judge, now)

    async def open(self) -> list[OpenFlows]:
        """How many flows are open and overdue, by the step they wait for."""
        query = """
            SELECT rule, step, count(*) AS open, count(*) FILTER (WHERE is_overdue) AS overdue FROM flows
            WHERE NOT is_finished AND outcome IS NULL AND step IS NOT NULL GROUP BY rule, step
        """
        return [OpenFlows(**row) for row in await self._database.fetch(query, {})]

    async def unfinished(self, rule: str | None, is_stuck: bool, most: int) -> list[Flow]:
        """Flows that have begun and not ended: first those that are overdue or broken, the oldest first.

        Args:
            rule: of this rule alone.
            is_stuck: those alone that are overdue or broken.
        """
        query: LiteralString = f"""
            SELECT {_COLUMNS} FROM flows
            WHERE NOT is_finished AND step IS NOT NULL AND (%(rule)s::text IS NULL OR rule = %(rule)s)
                AND (NOT %(stuck)s OR is_overdue OR outcome IS NOT NULL)
            ORDER BY (is_overdue OR outcome IS NOT NULL) DESC, times[1], rule, subject LIMIT %(most)s
        """  # noqa: S608 - made of constants
        rows = await self._database.fetch(query, {"rule": rule, "stuck": is_stuck, "most": most})
        return [Flow.of(row) for row in rows]


async def _judge(
    connection: Connection, flows: Iterable[Flow], judge: Judge, now: datetime
) -> list[tuple[Flow, Judgement]]:
    judged = [(flow, judge(flow)) for flow in flows]
    if judged:
        await connection.execute(
            _JUDGE,
            {
                "rules": [flow.rule for flow, _ in judged],
                "subjects": [flow.subject for flow, _ in judged],
                "outcomes": [judgement.outcome for _, judgement in judged],
                "steps": [judgement.step for _, judgement in judged],
                "overdue": [judgement.is_overdue for _, judgement in judged],
                "finished": [judgement.is_finished for _, judgement in judged],
                "looks": [judgement.look_at for _, judgement in judged],
                "ends": [_kept_until(judgement, now) for _, judgement in judged],
            },
        )
    return judged


def _kept_until(judgement: Judgement, now: datetime) -> datetime | None:
    if judgement.is_finished:
        return now + _FINISHED_KEPT
    return now + _BROKEN_KEPT if judgement.outcome is Outcome.BROKEN else None


def _array(times: Sequence[datetime | None]) -> str:
    """PostgreSQL's text of an array: of arrays in an array parameter it would make one."""
    return "{" + ",".join("NULL" if time is None else f'"{time.isoformat()}"' for time in times) + "}"
