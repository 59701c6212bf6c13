"""A trace as a waterfall: spans as a tree on one time line, log lines at the spans that wrote them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from compose.cli.telemetry import LogLine, Span

BAR_WIDTH = 28
HOP_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")


@dataclass(frozen=True, slots=True)
class Row:
    """A span with its depth in the tree and the log lines written in it."""

    span: Span
    depth: int
    logs: tuple[LogLine, ...]


def arrange(spans: Iterable[Span], logs: Iterable[LogLine]) -> tuple[list[Row], list[LogLine]]:
    """The rows of the waterfall, depth first, and the log lines whose span is not among the spans.

    A span whose parent is missing stands as a root, so that an incomplete trace is shown whole.
    """
    spans = list(spans)
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        children[span.parent_id if span.parent_id in known else None].append(span)
    written: dict[str, list[LogLine]] = defaultdict(list)
    for line in logs:
        written[line.span_id].append(line)

    def walk(parent: str | None, depth: int) -> Iterator[Row]:
        for span in children[parent]:
            yield Row(span, depth, tuple(written.pop(span.span_id, ())))
            yield from walk(span.span_id, depth + 1)

    rows = list(walk(None, 0))
    return rows, [line for lines in written.values() for line in lines]


def missing_parents(spans: Iterable[Span]) -> list[Span]:
    """Spans that name a parent which is not in the trace."""
    spans = list(spans)
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id is not None and span.parent_id not in known]


def render(rows: list[Row], loose: list[LogLine]) -> RenderableType:
    """The waterfall for a terminal."""
    start = min(row.span.start for row in rows)
    total = max(row.span.end for row in rows) - start or 1
    colours = _colours(row.span.service for row in rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("hop", no_wrap=True)
    table.add_column("span", overflow="fold", ratio=1)
    table.add_column("at ms", justify="right", no_wrap=True)
    table.add_column("took ms", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=BAR_WIDTH)
    for row in rows:
        colour = colours[row.span.service]
        offset = row.span.start - start
        table.add_row(
            Text(row.span.service, style=colour),
            Text(" " * row.depth + row.span.name, style="bold red" if row.span.failed else ""),
            f"{offset / 1000:.1f}",
            f"{row.span.duration / 1000:.1f}",
            Text(_bar(offset, row.span.duration, total), style=colour),
        )
        for line in row.logs:
            table.add_row("", _log(line, row.depth + 1), f"{line.time / 1e6 - start / 1000:.1f}")
    if not loose:
        return table
    return Group(
        table, Text("log lines outside these spans", style="dim"), *(_log(line, 1) for line in loose)
    )


def _colours(services: Iterable[str]) -> dict[str, str]:
    names = dict.fromkeys(services)
    return {name: HOP_COLOURS[i % len(HOP_COLOURS)] for i, name in enumerate(names)}


def _bar(offset: int, duration: int, total: int) -> str:
    left = min(BAR_WIDTH - 1, offset * BAR_WIDTH // total)
    length = max(1, min(BAR_WIDTH - left, round(duration * BAR_WIDTH / total)))
    return " " * left + "━" * length


def _log(line: LogLine, depth: int) -> Text:
    style = {"error": "red", "warning": "yellow"}.get(line.level.lower(), "dim")
    return Text(f"{' ' * depth}· {line.level.lower()} {line.message}", style=style)
