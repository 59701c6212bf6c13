"""Judgement of a flow: the times of its events held against its rule.

The same times give the same judgement, in whatever order, however often and after whatever restart the events
were noted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from broker.rio.settings import FlowRule

_NOTED_WITHIN: Final = timedelta(seconds=5)
"""An event may take so long from its acceptance until it is noted, by whatever process."""


class Outcome(StrEnum):
    """The result of a flow."""

    COMPLETE = "complete"
    LATE = "late"
    """All of its events came, at least one of them too late."""
    BROKEN = "broken"
    """Not all of its events came in the longest time that the rule gives it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A flow at some moment.

    Attributes:
        outcome: None while it is open, and for good where the event that begins it never came.
        step: of an open or broken flow the step that is waited for, of a late one the first that was late;
            counted from 0; None of a complete one.
        is_overdue: whether the step that an open flow waits for should have come.
        is_finished: whether no event can change anything any more.
        look_at: when the judgement changes without another event; None: never.
    """

    outcome: Outcome | None
    step: int | None
    is_overdue: bool
    is_finished: bool
    look_at: datetime | None


def judge(rule: FlowRule, times: Sequence[datetime | None], now: datetime) -> Judgement:
    """Judge a flow by when its events were accepted: the one that begins it, then that of each step.

    `times` may be shorter or longer than the rule, which may have changed.
    """
    length = len(rule.steps) + 1
    fitted = [*times[:length], *[None] * (length - len(times))]
    known = [time for time in fitted if time is not None]
    if len(known) == length:
        return _ended(rule, known)
    if fitted[0] is None:
        return _not_begun(rule, known, now)
    step = fitted.index(None) - 1
    due_at = known[step] + timedelta(seconds=rule.steps[step].within_seconds) + _NOTED_WITHIN
    broken_at = known[0] + timedelta(seconds=rule.broken_after_seconds) + _NOTED_WITHIN
    if now > broken_at:
        return Judgement(Outcome.BROKEN, step, is_overdue=False, is_finished=False, look_at=None)
    is_overdue = now > due_at
    look_at = broken_at if is_overdue else min(due_at, broken_at)
    return Judgement(None, step, is_overdue, is_finished=False, look_at=look_at)


def duration(rule: FlowRule, times: Sequence[datetime | None]) -> timedelta:
    """How long a flow took all of whose events came; where clocks disagree, no less than 0."""
    known = [time for time in times[: len(rule.steps) + 1] if time is not None]
    return max(known[-1] - known[0], timedelta())


def _not_begun(rule: FlowRule, known: Sequence[datetime], now: datetime) -> Judgement:
    """Of events before the one that begins the flow: that may be noted later, by another process."""
    forgotten_at = min(known, default=now) + timedelta(seconds=rule.broken_after_seconds)
    is_over = now > forgotten_at
    return Judgement(None, None, False, is_finished=is_over, look_at=None if is_over else forgotten_at)


def _ended(rule: FlowRule, times: Sequence[datetime]) -> Judgement:
    if duration(rule, times).total_seconds() > rule.broken_after_seconds:
        last = len(rule.steps) - 1
        return Judgement(Outcome.BROKEN, last, is_overdue=False, is_finished=True, look_at=None)
    late = (
        number
        for number, (step, before, after) in enumerate(zip(rule.steps, times, times[1:], strict=False))
        if (after - before).total_seconds() > step.within_seconds
    )
    first = next(late, None)
    outcome = Outcome.COMPLETE if first is None else Outcome.LATE
    return Judgement(outcome, first, is_overdue=False, is_finished=True, look_at=None)
