"""Limits of a query to a store."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.console.limits import MAX_LIMIT, MAX_POINTS, MAX_RANGE_SECONDS, check_bounds
from observability.http.problem import Problem

NOW = 1_800_000_000.0
SCALES = [("prometheus", 1), ("loki", 1), ("loki", 10**9), ("jaeger", 10**6)]


def refused(*parameters: tuple[str, str], store: str = "prometheus") -> str | None:
    """The parameter at fault; None where there is none."""
    found: Problem | None = None
    try:
        check_bounds(store, parameters, NOW)
    except Problem as problem:
        found = problem
    if found is None:
        return None
    (error,) = found.errors
    assert found.status == 400
    assert error["detail"]
    return str(error["pointer"]).removeprefix("#/")


@pytest.mark.parametrize(("store", "scale"), SCALES)
def test_a_range_is_bounded_in_every_unit(store: str, scale: int) -> None:
    end = int(NOW) * scale
    longest = MAX_RANGE_SECONDS * scale
    assert refused(("start", str(end - longest)), ("end", str(end)), store=store) is None
    assert refused(("start", str(end - longest - scale)), ("end", str(end)), store=store) == "end"
    assert refused(("start", str(end - longest - scale)), store=store) == "end"


@pytest.mark.parametrize(
    ("store", "start", "end"),
    [
        ("loki", "1800000000000", "1800000000"),  # half an hour after 1970 began, in nanoseconds
        ("loki", "01800000000", "1800000000"),
        ("loki", "1800000000000", None),
        ("loki", "17000000000", "17000000000.5"),
        ("jaeger", "1800000000", "1800000000000000"),
        ("jaeger", "1800000000000", None),
        ("prometheus", "1800000000", "1800000000000"),
    ],
)
def test_no_long_range_hides_in_two_units(store: str, start: str, end: str | None) -> None:
    """A number that is one time in seconds and another in a smaller unit is decades apart for the store."""
    parameters = [("start", start), *([("end", end)] if end else [])]
    assert refused(*parameters, store=store) == "end"


@pytest.mark.parametrize("text", ["1e9", "-1", "+1", " 1", "1_0", "\N{ARABIC-INDIC DIGIT ONE}", "1.", ".5"])
def test_a_time_that_stores_may_read_otherwise_is_refused(text: str) -> None:
    assert refused(("start", text)) == "start"
    assert refused(("start", "0"), ("end", text)) == "end"


def test_a_range_without_end_ends_now() -> None:
    assert refused(("start", str(NOW - MAX_RANGE_SECONDS + 1))) is None
    assert refused(("start", str(NOW - MAX_RANGE_SECONDS - 1))) == "end"
    assert refused(("start", "0")) == "end"
    assert refused(("start", str(NOW + 60))) is None
    assert refused(("end", str(NOW))) is None


def test_a_range_does_not_run_backwards() -> None:
    assert refused(("start", "100"), ("end", "99")) == "end"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("start", "step", "limit") for value in ("x", "", "nan", "inf", "1h")),
        *(("step", value) for value in ("0", "-1", "-inf")),
        *(("limit", value) for value in ("0", "-1", "-inf", str(MAX_LIMIT + 1), "1e9")),
        ("line_limit", str(MAX_LIMIT + 1)),
    ],
)
def test_what_is_no_number_of_the_kind_is_refused(name: str, value: str) -> None:
    assert refused((name, value)) == name


def test_a_step_is_coarse_enough_for_its_range() -> None:
    start, end = ("start", str(NOW - 3600)), ("end", str(NOW))
    finest = 3600 / MAX_POINTS
    assert refused(start, end, ("step", str(finest * 1.001))) is None
    assert refused(start, end, ("step", str(finest * 0.999))) == "step"


@pytest.mark.parametrize("name", ["start", "end", "step", "limit", "line_limit"])
def test_no_second_value_hides_behind_the_first(name: str) -> None:
    assert refused((name, "1"), ("query", "up"), (name, "1")) == name


def test_what_is_not_bounded_may_come_again() -> None:
    assert refused(("match[]", "up"), ("match[]", "down"), ("filter", "a"), ("filter", "b")) is None


@given(
    st.dictionaries(
        st.sampled_from(["start", "end", "step", "limit", "line_limit", "query"]),
        st.one_of(st.text(max_size=20), st.floats().map(str), st.integers().map(str)),
    )
)
def test_whatever_is_let_through_is_within_bounds(parameters: dict[str, str]) -> None:
    if refused(*parameters.items()) is not None:
        return
    for name in ("limit", "line_limit"):
        if name in parameters:
            assert 0 < float(parameters[name]) <= MAX_LIMIT
    if "step" in parameters:
        assert 0 < float(parameters["step"]) < math.inf
    if "start" in parameters and "end" not in parameters:
        assert NOW - float(parameters["start"]) <= MAX_RANGE_SECONDS
    if "step" in parameters and {"start", "end"} <= parameters.keys():
        start, end = (float(parameters[name]) for name in ("start", "end"))
        assert (end - start) / float(parameters["step"]) <= MAX_POINTS


@given(
    start=st.integers(0, 10**10), seconds=st.floats(0, MAX_RANGE_SECONDS), points=st.integers(1, MAX_POINTS)
)
def test_whatever_is_within_bounds_is_let_through(start: int, seconds: float, points: int) -> None:
    end = round(start + seconds)
    span = end - start
    if span > MAX_RANGE_SECONDS:
        return  # by rounding
    step = max(span / points * 1.0001, 0.001)
    assert refused(("start", str(start)), ("end", str(end)), ("step", repr(step))) is None
