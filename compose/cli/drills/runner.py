"""Running one drill: break, watch, look for the cause, heal, wait for the end."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
from amqp.exceptions import AMQPError

from compose.cli import hints
from compose.cli.drills.drill import Drill, Spans
from compose.cli.drills.instance import Instance
from compose.cli.drills.journal import Journal
from compose.cli.drills.outcome import Outcome
from compose.cli.drills.session import wait_until
from compose.cli.errors import Failure
from compose.cli.store_client import TelemetryError

Note = Callable[[str], None]

_POLL_SECONDS = 0.5
_RESOLVED_SECONDS = 420.0
_CAUSE_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_LINE_LENGTH = 200
_HEAL_ATTEMPTS = 3
_HEAL_PAUSE_SECONDS = 2.0
_FAILED = (Failure, TelemetryError, OSError, httpx.HTTPError, psycopg.Error, AMQPError)
"""Errors by which a drill fails, and not the whole run: the instance does not do what it should."""


class Runner:
    """Runs drills on an instance, one after another, within a session."""

    def __init__(self, instance: Instance, journal: Journal, note: Note) -> None:
        self._instance = instance
        self._journal = journal
        self._receiver = instance.receiver
        self._note = note

    def run(self, drill: Drill) -> Outcome:
        """Run a drill. What it broke is healed, however this ends; raises Failure where it could not be."""
        outcome = Outcome.of(drill)
        try:
            self._wait_until_absent(outcome)
        except Failure as failure:
            outcome.failure = failure.message
            return outcome
        struck = time.time()
        self._journal.begin(drill.name)
        try:
            with _repeating(drill, self._instance):
                self._note("breaking it")
                drill.strike(self._instance)
                if not drill.is_notified_healed:
                    self._watch(outcome, struck)
                self._look_for_cause(outcome, struck)
        except _FAILED as error:
            outcome.failure = str(error) or type(error).__name__
        finally:
            self._note("healing it")
            with _uninterrupted():
                heal(drill, self._instance, self._journal)
        healed = time.time()
        if drill.is_notified_healed:
            self._watch(outcome, struck)
        self._await_resolved(outcome, healed)
        if outcome.failure is None and (missing := outcome.missing()):
            outcome.failure = "; ".join(missing)
        return outcome

    def _wait_until_absent(self, outcome: Outcome) -> None:
        """Wait until none of its alerts is there, as after a drill before it."""

        def are_absent() -> bool:
            found = [alert["labels"] for alert in self._instance.alerts()]
            return not any(times.alert.matches(labels) for times in outcome.times for labels in found)

        waiting = f"waiting until {', '.join(outcome.drill.proven)} is over"
        wait_until(are_absent, _RESOLVED_SECONDS, self._note, waiting)

    def _watch(self, outcome: Outcome, struck: float) -> None:
        """Note the times of the alerts until all are notified, or it takes too long."""
        deadline = time.time() + outcome.drill.seconds
        while time.time() < deadline:
            with contextlib.suppress(TelemetryError):
                self._look(outcome, struck)
            self._note_notified(outcome, struck)
            waiting = [str(times) for times in outcome.times if times.notified is None]
            if not waiting:
                break
            self._note(f"waiting for {', '.join(waiting)}")
            time.sleep(_POLL_SECONDS)
        expected = [times.alert for times in outcome.times]
        outcome.others = sorted(
            {
                one.labels["alertname"]
                for one in self._receiver.since(struck, "firing")
                if not any(alert.matches(one.labels) for alert in expected)
            }
        )

    def _note_notified(self, outcome: Outcome, struck: float) -> None:
        arrived = self._receiver.since(struck, "firing")
        for times in outcome.times:
            found = [one.at for one in arrived if times.alert.matches(one.labels)]
            if found and not times.is_muted:
                times.notified = min(found) - struck

    def _look(self, outcome: Outcome, struck: float) -> None:
        now = time.time()
        for alert in self._instance.alerts():
            for times in outcome.times:
                if times.alert.matches(alert["labels"]):
                    pending = datetime.fromisoformat(alert["activeAt"]).timestamp() - struck
                    times.pending = pending if times.pending is None else times.pending
                    if alert["state"] == "firing" and times.firing is None:
                        times.firing = now - struck
        muted = self._instance.muted() if any(times.is_muted for times in outcome.times) else []
        for times in outcome.times:
            if times.is_muted and times.notified is None and any(map(times.alert.matches, muted)):
                times.notified = now - struck

    def _look_for_cause(self, outcome: Outcome, struck: float) -> None:
        """Look for the log line and the trace until they are stored."""
        drill, deadline = outcome.drill, time.time() + _CAUSE_SECONDS
        while time.time() < deadline:
            with contextlib.suppress(TelemetryError):
                if drill.lines and outcome.line is None:
                    self._note("looking for a log line that shows the cause")
                    outcome.line = self._line(drill.lines, struck)
                if drill.spans and outcome.trace_id is None:
                    self._note("looking for a trace that shows the cause")
                    outcome.trace_id = self._trace(drill.spans, struck)
            if (outcome.line or not drill.lines) and (outcome.trace_id or not drill.spans):
                return
            time.sleep(_POLL_SECONDS)

    def _line(self, query: str, struck: float) -> str | None:
        since = timedelta(seconds=time.time() - struck)
        found = self._instance.telemetry.logs(query, since, limit=1)
        return f"{found[0].service}: {found[0].message}"[:_LINE_LENGTH] if found else None

    def _trace(self, spans: Spans, struck: float) -> str | None:
        parameters = {
            "service": spans.hop,
            "tags": json.dumps(dict(spans.tags)),
            "start": f"{struck * 1e6:.0f}",
            "end": f"{time.time() * 1e6:.0f}",
            "limit": "1",
        }
        found = self._instance.telemetry.find_traces(parameters)
        return found[0][0].trace_id if found else None

    def _await_resolved(self, outcome: Outcome, healed: float) -> None:
        deadline = time.time() + _RESOLVED_SECONDS
        while time.time() < deadline:
            with contextlib.suppress(TelemetryError):
                self._look_for_end(outcome, healed)
            waiting = [str(times) for times in outcome.unresolved]
            if not waiting:
                return
            self._note(f"healed; waiting for the end of {', '.join(waiting)}")
            time.sleep(_POLL_SECONDS)

    def _look_for_end(self, outcome: Outcome, healed: float) -> None:
        arrived = self._receiver.since(healed, "resolved")
        firing = self._instance.labels_of_firing()
        for times in outcome.times:
            if times.resolved is None and not any(map(times.alert.matches, firing)):
                found = [one.at for one in arrived if times.alert.matches(one.labels)]
                at = time.time() if times.is_muted else max(found, default=None)
                times.resolved = None if at is None else at - healed


def heal(drill: Drill, instance: Instance, journal: Journal) -> None:
    """Heal what a drill broke and write that down. Raises Failure where that does not succeed."""
    for left in reversed(range(_HEAL_ATTEMPTS)):
        try:
            instance.held.close()  # a session that PostgreSQL has ended says so once
            drill.heal(instance)
            break
        except Exception as error:
            if not left:
                raise Failure(
                    f"drill {drill.name}: what it broke could not be healed: {error}",
                    advice=f"{hints.set_up()} tries again; {hints.command('status')} shows what does not run",
                ) from error
        time.sleep(_HEAL_PAUSE_SECONDS)  # a busy machine answers late, and what was stopped comes back late
    journal.healed()


@contextlib.contextmanager
def _repeating(drill: Drill, instance: Instance) -> Iterator[None]:
    """Threads call `repeat` again and again while the block runs."""
    ended = threading.Event()

    def call() -> None:
        while not ended.wait(_PAUSE_SECONDS):
            # What it breaks makes its requests fail, each in its own way.
            with contextlib.suppress(Exception):
                drill.repeat(instance)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(drill.callers)]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        ended.set()
        for caller in callers:
            caller.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Signals that end the command wait until the block has run."""
    waiting: list[int] = []
    kept: dict[int, Any] = {
        number: signal.signal(number, lambda got, _: waiting.append(got))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        for number in waiting[:1]:
            signal.raise_signal(number)
