"""Watching flows: writes the notes of this process, judges what is due, and has the outcomes told.

What this process accepted is noted in memory and written every second. What a process accepted that died, or
that could not write, is read from the event log: an event that is noted twice changes nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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

_RECOVERED_AT_ONCE: Final = 5000
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

    async def join(self) -> None:
        """Make this process known, before it accepts events. Raises psycopg's errors."""
        if self._noted_at is None:
            self._noted_at = await self._flows.now()
            await self._noters.noted(self._process, self._noted_at)

    async def turn(self) -> None:
        """Write what was noted, recover what was not, and judge what is due.

        Raises psycopg's errors while PostgreSQL is away, AMQP's and OSError while the event log is.
        """
        if self._noted_at is None:
            return
        now = await self._write()
        await self._recover(now)
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
        """Write the notes; the time by PostgreSQL's clock before they were taken."""
        now = await self._flows.now()
        notes = self._notes.take()
        try:
            await self._note(_flows_of(notes, now), now)
            if not self._notes.is_incomplete:
                await self._noters.noted(self._process, now)
                self._noted_at = now
        except BaseException:
            self._notes.is_incomplete = True
            raise
        return now

    async def _recover(self, now: datetime) -> None:
        """Note what processes accepted that died, and what this one could not write."""
        if self._notes.is_incomplete and self._noted_at is not None:
            self._notes.is_incomplete = False
            try:
                await self._read(self._noted_at, now)
            except BaseException:
                self._notes.is_incomplete = True
                raise
        for process, noted_at in await self._noters.lost(self._process, now):
            await self._read(noted_at, now)
            await self._noters.forget(process)

    async def _read(self, since: datetime, now: datetime) -> None:
        """Note the events of flows that the event log has since then."""
        found = await asyncio.to_thread(lambda: list(self._of_log(since, now)))
        for start in range(0, len(found), _RECOVERED_AT_ONCE):
            await self._note(_merged(found[start : start + _RECOVERED_AT_ONCE]), now)
        extra = {"since": since.isoformat(), "events": len(found)}
        _logger.info("events of flows read from the event log", extra=extra)

    def _of_log(self, since: datetime, now: datetime) -> Iterable[Flow]:
        for message in self._read_log(since, now):
            for rule, place in self._notes.places(message.event):
                at = datetime.fromtimestamp(message.accepted_at, UTC)
                yield _flow(rule, subject_of(message.event), place, at, message.trace.get("traceparent"))

    async def _note(self, flows: Sequence[Flow], now: datetime) -> None:
        if flows:
            self._report.changes(await self._flows.note(flows, lambda flow: self._judge(flow, now), now))

    def _judge(self, flow: Flow, now: datetime) -> Judgement:
        rule = self._notes.rules.get(flow.rule)
        if rule is None:
            return _GONE
        judgement = judge(rule, flow.times, now)
        if flow.outcome is Outcome.BROKEN:  # it has been counted
            return replace(judgement, outcome=flow.outcome, step=flow.step)
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
