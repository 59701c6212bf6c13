"""What has become of a flow, by the times of its events; all times are seconds of one virtual clock."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from broker.rio.model.flow_judgement import Judgement, Outcome, duration, judge
from broker.rio.settings import FlowRule, FlowStep

RULE = FlowRule(
    name="order",
    begins="order.placed",
    steps=[
        FlowStep(types=["stock.reserved", "stock.rejected"], within_seconds=30),
        FlowStep(types=["order.confirmed", "order.cancelled"], within_seconds=60),
    ],
    broken_after_seconds=900,
)
NOTED = 5.0
"""Seconds that an event may take until it is noted."""


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def moment(seconds: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def judged(now: float, *times: float | None) -> Judgement:
    return judge(RULE, [at(time) for time in times], moment(now))


@pytest.mark.parametrize(
    ("times", "outcome", "step"),
    [
        ((0, 1, 2), Outcome.COMPLETE, None),
        ((0, 30, 90), Outcome.COMPLETE, None),
        ((0, 30.1, 31), Outcome.LATE, 0),
        ((0, 1, 61.1), Outcome.LATE, 1),
        ((0, 31, 100), Outcome.LATE, 0),
        ((0, 1, 900), Outcome.LATE, 1),
        ((0, 1, 900.1), Outcome.BROKEN, 1),
    ],
)
@pytest.mark.parametrize("now", [900, 10_000, 100_000_000])
def test_a_flow_all_of_whose_events_came(
    times: tuple[float, ...], outcome: Outcome, step: int | None, now: float
) -> None:
    """Whenever it is judged: after a restart that took days, too."""
    found = judged(now, *times)
    assert (found.outcome, found.step) == (outcome, step)
    assert found.is_finished
    assert found.look_at is None


@pytest.mark.parametrize(
    ("now", "is_overdue", "look_at"),
    [
        (1, False, 30 + NOTED),
        (30 + NOTED, False, 30 + NOTED),
        (30.1 + NOTED, True, 900 + NOTED),
        (900 + NOTED, True, 900 + NOTED),
    ],
)
def test_an_open_flow_is_overdue_once_its_next_event_should_have_been_noted(
    now: float, is_overdue: bool, look_at: float
) -> None:
    assert judged(now, 0, None, None) == Judgement(None, 0, is_overdue, False, moment(look_at))


def test_each_step_has_its_time_from_the_step_before() -> None:
    assert not judged(84, 0, 20, None).is_overdue
    assert judged(86, 0, 20, None).is_overdue
    assert judged(86, 0, 20, None).step == 1


def test_a_flow_that_does_not_end_is_broken_and_may_still_end() -> None:
    found = judged(900.1 + NOTED, 0, 1, None)
    assert found == Judgement(Outcome.BROKEN, 1, False, False, None)


def test_a_step_that_was_left_out_is_waited_for() -> None:
    found = judged(40, 0, None, 2)
    assert (found.outcome, found.step, found.is_overdue) == (None, 0, True)
    assert judged(1000, 0, None, 2).outcome is Outcome.BROKEN


def test_events_without_the_one_that_begins_a_flow_are_forgotten() -> None:
    found = judged(10, None, 3, None)
    assert found == Judgement(None, None, False, False, moment(903))
    assert judged(903.1, None, 3, None) == Judgement(None, None, False, True, None)


def test_clocks_that_disagree_make_nothing_late_and_no_time_negative() -> None:
    times = [at(time) for time in (10, 8, 9)]
    assert judge(RULE, times, moment(20)).outcome is Outcome.COMPLETE
    assert duration(RULE, times) == timedelta()


def test_the_order_in_which_events_are_noted_does_not_matter() -> None:
    """The same in every order and from every part of it on, as after a restart."""
    for order in permutations(enumerate((0.0, 31.0, 40.0))):
        times: list[datetime | None] = [None, None, None]
        for place, time in order:
            times[place] = at(time)
            judge(RULE, times, moment(41))
        assert judge(RULE, times, moment(41)).outcome is Outcome.LATE


@pytest.mark.parametrize("times", [(0,), (0, 1), (0, 1, None, None), (0, 1, None, 5)])
def test_times_noted_under_a_rule_that_has_changed_are_judged_by_the_new_one(
    times: tuple[float | None, ...],
) -> None:
    assert judged(2, *times).outcome is None
