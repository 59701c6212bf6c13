"""Rounds: every variant in turn, over and over, so that a noisy moment meets all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

from rich.progress import Progress


@dataclass
class Series:
    """The values of one variant, round by round."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.values)

    def document(self) -> dict[str, object]:
        return {"median": round(self.median, 2), "rounds": [round(value, 2) for value in self.values]}


def alternate(
    variants: Mapping[str, Callable[[], float]], rounds: int, progress: Progress, title: str
) -> dict[str, Series]:
    """Measure each variant once a round, in an order that turns with every round."""
    series = {name: Series() for name in variants}
    task = progress.add_task(title, total=rounds * len(variants))
    names = list(variants)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            progress.update(task, description=f"{title}: {name}")
            series[name].values.append(variants[name]())
            progress.advance(task)
    return series
