"""Rounds and ratios."""

from io import StringIO

from rich.console import Console
from rich.progress import Progress

from tests.bench.report import Breakdown, Figure
from tests.bench.rounds import Series, alternate


def test_rounds_alternate_and_turn() -> None:
    order: list[str] = []

    def variant(name: str, value: float) -> float:
        order.append(name)
        return value

    with Progress(disable=True) as progress:
        variants = {"ours": lambda: variant("ours", 3.0), "peer": lambda: variant("peer", 2.0)}
        series = alternate(variants, 3, progress, "test")
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert {name: found.values for name, found in series.items()} == {"ours": [3.0] * 3, "peer": [2.0] * 3}


def test_a_ratio_is_ours_to_theirs_by_medians() -> None:
    figure = Figure("x", "1/s", {"ours": Series([1, 30, 500]), "peer": Series([9, 10, 11])}, {"peer": 2.5})
    assert figure.ratio("peer") == 3.0
    assert figure.document()["variants"]["peer"]["ours_to_it"] == 3.0
    assert figure.document()["aims"] == {"peer": 2.5}


def test_a_breakdown_adds_its_parts_up_and_shows_the_largest_first() -> None:
    breakdown = Breakdown("x", "ms", {"small": {"on": 1.0}, "large": {"on": 2.5, "off": 2.0}})
    console = Console(file=StringIO(), width=80)
    console.print(breakdown.table())
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown.index("large") < shown.index("small")
    assert "3.5" in shown
    assert breakdown.document()["parts"] == {"small": {"on": 1.0}, "large": {"on": 2.5, "off": 2.0}}
