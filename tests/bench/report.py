"""A benchmark's report: a table for people, JSON for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.bench import machine
from tests.bench.rounds import Series


@dataclass(frozen=True)
class Figure:
    """One thing measured. series: by variant, ours first. aims: the ratio to each peer that is aimed at."""

    title: str
    unit: str
    series: Mapping[str, Series]
    aims: Mapping[str, float] = field(default_factory=dict)

    def ratio(self, variant: str) -> float | None:
        """Ours to that of a variant; None where that is 0."""
        ours, theirs = next(iter(self.series.values())).median, self.series[variant].median
        return ours / theirs if theirs else None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        variants = {
            name: series.document() | (self._ratio(name) if number else {})
            for number, (name, series) in enumerate(self.series.items())
        }
        return {"title": self.title, "unit": self.unit, "variants": variants, "aims": dict(self.aims)}

    def _ratio(self, variant: str) -> dict[str, float]:
        ratio = self.ratio(variant)
        return {} if ratio is None else {"ours_to_it": round(ratio, 2)}


@dataclass(frozen=True)
class Breakdown:
    """The parts of a figure, by part and variant."""

    title: str
    unit: str
    parts: Mapping[str, Mapping[str, float]]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        parts = {
            name: {variant: round(value, 3) for variant, value in values.items()}
            for name, values in self.parts.items()
        }
        return {"title": self.title, "unit": self.unit, "parts": parts}

    def table(self) -> Table:
        """A row a part, the largest first, and one of their sums; a column a variant."""
        variants = list(dict.fromkeys(variant for values in self.parts.values() for variant in values))
        table = Table(title=f"{self.title}, {self.unit}", title_justify="left", show_footer=True)
        table.add_column("part", footer="all")
        for variant in variants:
            total = sum(values.get(variant, 0.0) for values in self.parts.values())
            table.add_column(variant, footer=f"{total:,.1f}", justify="right")
        for name, values in sorted(self.parts.items(), key=lambda part: -max(part[1].values())):
            shown = (f"{values[variant]:,.1f}" if variant in values else "" for variant in variants)
            table.add_row(name, *shown)
        return table


@dataclass(frozen=True)
class Report:
    """All figures of a run."""

    name: str
    figures: list[Figure]
    breakdowns: Sequence[Breakdown] = ()

    @staticmethod
    def progress() -> Progress:
        """Shows on stderr what is being measured."""
        return Progress(console=Console(stderr=True), transient=True)

    def show(self, *, as_json: bool) -> None:
        """Print to stdout."""
        if as_json:
            print(json.dumps(self._document(), indent=2))
        else:
            Console().print(self._table(), *(breakdown.table() for breakdown in self.breakdowns))

    def _document(self) -> dict[str, Any]:
        return {
            "bench": self.name,
            "machine": machine.description(),
            "figures": [figure.document() for figure in self.figures],
            "breakdowns": [breakdown.document() for breakdown in self.breakdowns],
        }

    def _table(self) -> Table:
        table = Table(title=f"bench {self.name}", title_justify="left")
        table.add_column("what")
        table.add_column("variant")
        for column in ("median", "unit", "ours is", "aim"):
            table.add_column(column, justify="right")
        for figure in self.figures:
            for number, (name, series) in enumerate(figure.series.items()):
                ratio = figure.ratio(name) if number else None
                peer = ("", "") if ratio is None else (f"{ratio:.2f}x", _aim(figure, name))
                title = "" if number else figure.title
                table.add_row(title, name, f"{series.median:,.1f}", figure.unit, *peer, end_section=False)
            table.add_section()
        return table


def _aim(figure: Figure, variant: str) -> str:
    return f"{figure.aims[variant]:g}x" if variant in figure.aims else ""


def options(description: str, *, of_instance: bool = False) -> argparse.Namespace:
    """The arguments every benchmark takes. of_instance: also the name of a running instance."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="one short round: whether it works, roughly how fast"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    if of_instance:
        parser.add_argument("--instance", required=True, help="which running instance")
    return parser.parse_args()
