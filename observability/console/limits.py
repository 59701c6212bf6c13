"""Limits of a query to a store: range, points, size."""

import re
import time
from collections.abc import Sequence
from typing import Final

from observability.http.problem import Problem

MAX_QUERY_BYTES: Final = 16 * 1024
"""The query string of a request."""
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""The answer of a store; a longer one is refused with 502."""
MAX_SERIES: Final = 500
"""Series or streams of an answer; the rest is left out and said to be so."""
ANSWER_SECONDS: Final = 20.0
"""How long a store may take."""
STREAM_SECONDS: Final = 3600.0
"""How long a live tail goes on."""
MAX_STREAMS: Final = 8
"""Live tails of a store at a time: each holds one of the connections that its other readers need."""
MAX_RANGE_SECONDS: Final = 31 * 24 * 3600
"""From `start` to `end` of a query."""
MAX_POINTS: Final = 11_000
"""Values of a series; Prometheus' own bound."""
MAX_LIMIT: Final = 5_000
"""Lines, traces or rows that are asked for; Loki's own bound."""

_BOUNDED: Final = ("start", "end", "step", "limit", "line_limit")
_TIME: Final = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,20})?")
_LOKI_SECONDS_DIGITS: Final = 10
"""Loki takes a longer whole number for nanoseconds."""


def check_bounds(store: str, parameters: Sequence[tuple[str, str]], now: float | None = None) -> None:
    """Refuse a question that asks for too much.

    Args:
        store: whose question it is: stores read the same `start` and `end` in different units.
        parameters: names and values of the query; `start` and `end` as the store takes them, Prometheus as
            seconds, Jaeger as microseconds, Loki as either seconds or nanoseconds; `step` is seconds.
        now: seconds since 1970, where the store's clock is not this machine's.

    Raises:
        Problem: 400 with the pointer of the parameter at fault.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name in given and name in _BOUNDED:
            raise _refusal(name, "once")  # of two values, a store may take the one that is not looked at here
        given[name] = value
    span = _span(store, given, time.time() if now is None else now)
    if span is not None and span > MAX_RANGE_SECONDS:
        raise _refusal("end", f"from start to end are at most {MAX_RANGE_SECONDS} s")
    if "step" in given:
        step = _number("step", given["step"])
        if step <= 0 or (span is not None and span / step > MAX_POINTS):
            raise _refusal("step", f"above 0 s and large enough for at most {MAX_POINTS} values")
    for name in ("limit", "line_limit"):
        if name in given and not 0 < _number(name, given[name]) <= MAX_LIMIT:
            raise _refusal(name, f"1 to {MAX_LIMIT}")


def _span(store: str, given: dict[str, str], now: float) -> float | None:
    """Seconds from `start` to `end`; an end that is not given is now, as stores have it."""
    if "start" not in given:
        return None
    start = _seconds(store, "start", given["start"])
    end = _seconds(store, "end", given["end"]) if "end" in given else max(start, now)
    if end < start:
        raise _refusal("end", "not before start")
    return end - start


def _seconds(store: str, name: str, text: str) -> float:
    """A time in seconds, read as the store reads it: a guess would measure another range than is searched."""
    if not _TIME.fullmatch(text):
        raise _refusal(name, "a number, written in digits")
    if store == "jaeger":
        return float(text) / 1e6
    if store == "loki" and "." not in text and len(text) > _LOKI_SECONDS_DIGITS:
        return float(text) / 1e9
    return float(text)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _refusal(name, "a number") from None
    if not value < float("inf"):
        raise _refusal(name, "a number")
    return value


def _refusal(name: str, detail: str) -> Problem:
    return Problem(
        400, detail="the query cannot be asked", errors=[{"pointer": f"#/{name}", "detail": detail}]
    )
