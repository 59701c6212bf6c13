"""A benchmark's report: a table for people, JSON for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
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

    def ratio(self, variant: str) -> float:
        """Ours to that of a variant."""
        ours = next(iter(self.series.values()))
        return ours.median / self.series[variant].median

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        variants = {
            name: series.document() | ({} if number == 0 else {"ours_to_it": round(self.ratio(name), 2)})
            for number, (name, series) in enumerate(self.series.items())
        }
        return {"title": self.title, "unit": self.unit, "variants": variants, "aims": dict(self.aims)}


@dataclass(frozen=True)
class Report:
    """All figures of a run."""

    name: str
    figures: list[Figure]

    @staticmethod
    def progress() -> Progress:
        """Shows on stderr what is being measured."""
        return Progress(console=Console(stderr=True), transient=True)

    def show(self, *, as_json: bool) -> None:
        """Print to stdout."""
        if as_json:
            figures = [figure.document() for figure in self.figures]
            print(
                json.dumps(
                    {"bench": self.name, "machine": machine.description(), "figures": figures}, indent=2
                )
            )
        else:
            Console().print(self._table())

    def _table(self) -> Table:
        table = Table(title=f"bench {self.name}", title_justify="left")
        table.add_column("what")
        table.add_column("variant")
        for column in ("median", "unit", "ours is", "aim"):
            table.add_column(column, justify="right")
        for figure in self.figures:
            for number, (name, series) in enumerate(figure.series.items()):
                peer = (f"{figure.ratio(name):.2f}x", _aim(figure, name)) if number else ("", "")
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
