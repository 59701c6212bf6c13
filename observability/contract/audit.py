"""The audit: what a live instance has to tell by the contract, against what its stores have of it."""

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from observability.contract.contract import LineRule, MetricRule, Part, SpanRule
from observability.contract.telemetry_reader import StoredSpan, TelemetryReader

WINDOW_SECONDS: Final = 600
"""How far back an audit looks."""
SETTLING_SECONDS: Final = 60
"""Anything younger may be on its way to the stores."""

_TRACES: Final = 20
_SEARCHED_TRACES: Final = 100
"""Where none of the last traces has a span of a rule."""
_LINES: Final = 20
_EXPECTED_SPANS: Final = 20
"""Where traces are sampled: so many of a rule's spans have to be expected before one is asked for, that there
is none but once in e^20 times."""
_LARGEST: Final = 10
_SPECIAL: Final = re.compile(r"[.^$*+?{}\[\]\\|()]")
_OF_SPANS: Final = "traces_"
"""Metrics that the collector makes of spans begin with this."""


class Standing(StrEnum):
    """Whether a cell of the contract is kept; of what had no cause nothing can be said."""

    KEPT = "kept"
    BROKEN = "broken"
    IDLE = "idle"


@dataclass(frozen=True)
class Cell:
    """One sentence of the contract.

    Attributes:
        part: whose.
        signal: `spans`, `lines`, `metrics`, `alerts` or `dashboards`.
        name: of the rule.
        detail: what is missing; empty where nothing is.
    """

    part: str
    signal: str
    name: str
    standing: Standing
    detail: str = ""


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        time: when it was made, seconds since the epoch.
        largest: the metrics with the most series, and how many they have.
        series: how many there are altogether.
    """

    time: float
    cells: list[Cell]
    largest: list[tuple[str, int]]
    series: int


class Auditor:
    """Audits the parts of an instance.

    Args:
        parts: what has to be told.
        reader: reads what is stored.
        dashboards: gives the uids of the dashboards that there are.
        stored_share: of the traces. Where not all are stored, there may be no span of what happened seldom.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        reader: TelemetryReader,
        dashboards: Callable[[], set[str]],
        *,
        stored_share: float = 1.0,
    ) -> None:
        self._parts, self._reader, self._dashboards = parts, reader, dashboards
        self._growths: dict[str, float] = {}
        self._least_of_spans = 1.0
        if stored_share < 1:
            self._least_of_spans = _EXPECTED_SPANS / stored_share if stored_share else math.inf

    async def audit(self) -> Audit:
        """Hold everything against the contract. Raises Problem where a store does not answer."""
        self._growths.clear()
        alerts = await self._reader.alerts()
        dashboards = await asyncio.to_thread(self._dashboards)
        cells: list[Cell] = []
        for part in self._parts:  # one after the other: an audit is to cost the stores little at a time
            cells += await self._spans(part)
            cells += [await self._lines(part, rule) for rule in part.lines]
            cells += [await self._metric(part, rule) for rule in part.metrics]
            cells += _names(part.name, "alerts", part.alerts, alerts)
            cells += _names(part.name, "dashboards", part.dashboards, dashboards)
        series = await self._reader.metric('count({__name__=~".+"})')
        largest = await self._reader.metric(f'topk({_LARGEST}, count by (__name__) ({{__name__=~".+"}}))')
        return Audit(
            time.time(),
            cells,
            sorted(
                ((labels["__name__"], round(value)) for labels, value in largest), key=lambda one: -one[1]
            ),
            round(series[0][1]) if series else 0,
        )

    async def _spans(self, part: Part) -> list[Cell]:
        caused = [await self._has_grown(rule.after, self._least_of_spans) for rule in part.spans]
        stored = await self._reader.spans(part.name, _since(), _TRACES) if any(caused) else []
        cells = []
        for rule, is_caused in zip(part.spans, caused, strict=True):
            name = f"{rule.kind} {rule.name}"
            if not is_caused:
                cells.append(Cell(part.name, "spans", name, Standing.IDLE))
                continue
            found = _matching(stored, rule)
            if not found:
                operation = None if _SPECIAL.search(rule.name) else rule.name
                searched = await self._reader.spans(
                    part.name, _since(), _SEARCHED_TRACES, rule.kind, operation
                )
                found = _matching(searched, rule)
            cells.append(_judged(part.name, "spans", name, _missing_of_spans(rule, found)))
        return cells

    async def _lines(self, part: Part, rule: LineRule) -> Cell:
        if not await self._has_grown(rule.after):
            return Cell(part.name, "lines", rule.name, Standing.IDLE)
        found = await self._reader.lines(part.name, rule.where, _since(), _LINES)
        return _judged(part.name, "lines", rule.name, _missing_of_lines(rule, found))

    async def _metric(self, part: Part, rule: MetricRule) -> Cell:
        name = rule.series.partition("{")[0]
        least = self._least_of_spans if name.startswith(_OF_SPANS) else 1.0
        series = rule.series
        if rule.after is not None:
            if not await self._has_grown(rule.after, least):
                return Cell(part.name, "metrics", name, Standing.IDLE)
            # A process that was started since has not been asked for anything yet.
            series = f"last_over_time({series}[{WINDOW_SECONDS + SETTLING_SECONDS}s])"
        found = await self._reader.metric(f"count({series})")
        return _judged(part.name, "metrics", name, "" if found else f"no series of {rule.series}")

    async def _has_grown(self, counter: str, least: float = 1.0) -> bool:
        """Whether a counter grew by `least`; it is asked for once an audit, however many rules name it."""
        if counter not in self._growths:
            self._growths[counter] = await self._growth(counter)
        return self._growths[counter] >= least

    async def _growth(self, counter: str) -> float:
        """How much a counter grew; where it is younger than the window, its first value counts."""
        window, before = f"[{WINDOW_SECONDS}s] offset {SETTLING_SECONDS}s", WINDOW_SECONDS + SETTLING_SECONDS
        now = f"{counter} offset {SETTLING_SECONDS}s"
        born = f"sum({now} unless {counter} offset {before}s)"
        grown = f"sum(increase({counter}{window}))"
        samples = await self._reader.metric(f"({grown} or vector(0)) + ({born} or vector(0))")
        return samples[0][1] if samples else 0.0


def _since() -> float:
    return time.time() - WINDOW_SECONDS - SETTLING_SECONDS


def _judged(part: str, signal: str, name: str, detail: str) -> Cell:
    return Cell(part, signal, name, Standing.BROKEN if detail else Standing.KEPT, detail)


def _names(part: str, signal: str, wanted: Sequence[str], found: set[str]) -> Iterator[Cell]:
    for name in wanted:
        yield _judged(part, signal, name, "" if name in found else "there is none of this name")


def _matching(spans: Sequence[StoredSpan], rule: SpanRule) -> list[StoredSpan]:
    pattern = re.compile(rule.name)
    return [span for span in spans if span.kind == rule.kind and pattern.fullmatch(span.name)]


def _missing_of_spans(rule: SpanRule, spans: Sequence[StoredSpan]) -> str:
    if not spans:
        return "what causes them happened, and there is no such span"
    for span in spans:
        wanted = (*rule.attributes, *rule.failed) if span.has_failed else rule.attributes
        if missing := [name for name in wanted if name not in span.attributes]:
            return f"{span.name} of trace {span.trace_id} has no {', '.join(missing)}"
    return ""


def _missing_of_lines(rule: LineRule, lines: Sequence[Mapping[str, Any]]) -> str:
    if not lines:
        return "what causes them happened, and there is no such line"
    for line in lines:
        if missing := [name for name in rule.fields if name not in line]:
            return f"a line has no {', '.join(missing)}"
    return ""
