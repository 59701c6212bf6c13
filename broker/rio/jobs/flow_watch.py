"""Watching flows: writes the notes of this process, judges what is due, and has the outcomes told.

What this process accepted is noted in memory and written every second. What a process accepted that died, or
that could not write, is read from the event log in parts, and this process writes its own notes meanwhile: an
event that is noted twice changes nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import uuid4

from broker.rio.ingest.flow_notes import FlowNote, FlowNotes, subject_of
from broker.rio.jobs.flow_report import FlowReport
from broker.rio.model.flow_judgement import Judgement, Outcome, judge
from broker.rio.model.message import Message
from broker.rio.settings import FlowRule
from broker.rio.store.flow_noters import FlowNoters
from broker.rio.store.flows import Flow, Flows

_logger = logging.getLogger(__name__)

ReadLog = Callable[[datetime, datetime], Iterable[Message]]
"""Reads the events that were accepted from a moment to another; blocks."""

_READ_AT_ONCE: Final = 1000
_WRITE_SECONDS: Final = 1.0
_GONE: Final = Judgement(None, None, is_overdue=False, is_finished=True, look_at=None)
"""Of a flow whose rule has left the catalog."""


class FlowWatch:
    """The watch of one API process over the flows of all."""

    def __init__(
        self, notes: FlowNotes, flows: Flows, noters: FlowNoters, report: FlowReport, read_log: ReadLog
    ) -> None:
        self._notes = notes
        self._flows = flows
        self._noters = noters
        self._report = report
        self._read_log = read_log
        self._process = uuid4()
        self._noted_at: datetime | None = None
        self._is_rereading = False
        """Whether it reads from the event log what it could not write itself."""

    async def join(self) -> None:
        """Make this process known, before it accepts events. Raises psycopg's errors."""
        if self._noted_at is None:
            now = await self._flows.now()
            await self._noters.write(self._process, now, now)
            self._noted_at = now

    async def turn(self) -> None:
        """Write what was noted, recover what was not, and judge what is due.

        Raises psycopg's errors while PostgreSQL is away, AMQP's and OSError while the event log is.
        """
        if self._noted_at is None:
            return
        now = await self._write()
        await self._recover(self._noted_at, now)
        while len(judged := await self._flows.judge_due(lambda flow: self._judge(flow, now), now)) > 0:
            self._report.changes(judged)

    async def measure(self) -> None:
        """Show how many flows are open. Raises psycopg's errors while PostgreSQL is away."""
        with self._report.measurement.reading():
            self._report.show(await self._flows.open())

    async def leave(self) -> None:
        """Write the last notes, for no other process to look for them. Raises psycopg's errors."""
        if self._noted_at is not None:
            await self._write()
            if not self._notes.is_incomplete:
                await self._noters.forget(self._process)

    async def _write(self) -> datetime:
        """Write this process's row, then its notes; the time by PostgreSQL's clock before they were taken."""
        now = await self._flows.now()
        await self._noters.write(self._process, self._noted_at or now, now)
        notes = self._notes.take()
        try:
            await self._note(_flows_of(notes, now), now, now)
        except BaseException:
            self._notes.is_incomplete = True
            raise
        if not (self._notes.is_incomplete or self._is_rereading):
            self._noted_at = now
        return now

    async def _recover(self, noted_at: datetime, now: datetime) -> None:
        """Note what processes accepted that are silent, and what this one could not write."""
        if self._notes.is_incomplete:
            self._notes.is_incomplete = False
            self._is_rereading = True
            try:
                await self._read(noted_at, now)
            except BaseException:
                self._notes.is_incomplete = True
                raise
            finally:
                self._is_rereading = False
        for process, its_noted_at in await self._noters.lost(self._process, now):
            await self._read(its_noted_at, now)
            await self._noters.recovered(process, its_noted_at, now)

    async def _read(self, since: datetime, now: datetime) -> None:
        """Note the events of flows that the event log has since then."""
        logged, events = self._of_log(since, now), 0
        while found := await self._next(logged):
            # What the rest of the log has may be in time: a flow is judged as of the last event read.
            await self._note(_merged(flow for flow, _ in found), now, min(now, found[-1][1]))
            events += len(found)
        _logger.info(
            "events of flows read from the event log", extra={"since": since.isoformat(), "events": events}
        )

    async def _next(self, logged: Iterator[tuple[Flow, datetime]]) -> list[tuple[Flow, datetime]]:
        """The next flows of the event log; the notes of this process are written while it is read."""
        reading = asyncio.ensure_future(asyncio.to_thread(lambda: list(islice(logged, _READ_AT_ONCE))))
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=_WRITE_SECONDS)
                await self._write()
            return reading.result()
        finally:
            reading.cancel()

    def _of_log(self, since: datetime, now: datetime) -> Iterator[tuple[Flow, datetime]]:
        """Flows of which one event is known, and when that was accepted."""
        for message in self._read_log(since, now):
            for rule, place in self._notes.places(message.event):
                at = datetime.fromtimestamp(message.accepted_at, UTC)
                yield _flow(rule, subject_of(message.event), place, at, message.trace.get("traceparent")), at

    async def _note(self, flows: Sequence[Flow], now: datetime, judged_at: datetime) -> None:
        if flows:
            noted = await self._flows.note(flows, lambda flow: self._judge(flow, judged_at), now)
            self._report.changes(noted)

    def _judge(self, flow: Flow, at: datetime) -> Judgement:
        """Judge a flow; what has been told of it stays, even where `at` is before that."""
        rule = self._notes.rules.get(flow.rule)
        if rule is None:
            return _GONE
        judgement = judge(rule, flow.times, at)
        if flow.outcome is Outcome.BROKEN:
            return replace(judgement, outcome=flow.outcome, step=flow.step)
        if flow.is_overdue and judgement.outcome is None and judgement.step == flow.step:
            return replace(judgement, is_overdue=True)
        return judgement


def _flows_of(notes: Sequence[FlowNote], now: datetime) -> list[Flow]:
    """The notes by flow; how long ago each was made is known by the process, when that was by PostgreSQL."""
    until = time.monotonic()
    return _merged(
        _flow(
            note.rule,
            note.subject,
            note.place,
            now - timedelta(seconds=until - note.noted_at),
            note.traceparent,
        )
        for note in notes
    )


def _flow(rule: FlowRule, subject: str, place: int, at: datetime, traceparent: str | None) -> Flow:
    """A flow of which one event is known."""
    times = [at if number == place else None for number in range(len(rule.steps) + 1)]
    return Flow(rule.name, subject, times, traceparent, None, None, is_overdue=False)


def _merged(flows: Iterable[Flow]) -> list[Flow]:
    """Each flow once: of two events for one place the first."""
    found: dict[tuple[str, str], Flow] = {}
    for flow in flows:
        key = flow.rule, flow.subject
        known = found.setdefault(key, flow)
        if known is not flow:
            times = [one or other for one, other in zip(known.times, flow.times, strict=True)]
            found[key] = replace(known, times=times)
    return list(found.values())
