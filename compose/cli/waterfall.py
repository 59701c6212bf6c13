"""A trace as a waterfall: spans as a tree on one time line, log lines at the spans that wrote them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from compose.cli.telemetry import LogLine, Raised, Span

BAR_WIDTH = 28
#: Of an exception, those next to where it was raised.
SHOWN_FRAMES = 2
#: What marks a span that failed, for readers and terminals without colours.
FAILED = "✗"
#: Fields of a log line that say why something is so.
_REASONS = ("reason", "detail", "refusal", "error", "faults")
#: Fields that name what a log line is about, beside those whose names end with `_id`.
_NAMES = ("subscription", "event_type", "subject")
_IDS_OF_LINE = frozenset({"trace_id", "span_id", "service_instance_id"})
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
    """The waterfall for a terminal: each span with its id, and below it why it failed and its log lines."""
    start = min(row.span.start for row in rows)
    total = max(row.span.end for row in rows) - start or 1
    colours = _colours(row.span.service for row in rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("hop", no_wrap=True)
    table.add_column("span", overflow="fold", ratio=1)
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("at ms", justify="right", no_wrap=True)
    table.add_column("took ms", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=BAR_WIDTH)
    for row in rows:
        span, colour = row.span, colours[row.span.service]
        offset = span.start - start
        mark = f"{FAILED} " if span.failed else ""
        table.add_row(
            Text(span.service, style=colour),
            Text(f"{' ' * row.depth}{mark}{span.name}", style="bold red" if span.failed else ""),
            span.span_id,
            f"{offset / 1000:.1f}",
            f"{span.duration / 1000:.1f}",
            Text(_bar(offset, span.duration, total), style=colour),
        )
        for text in _causes(row):
            table.add_row("", text)
        for line in row.logs:
            table.add_row("", _log(line, row.depth + 1), "", f"{line.time / 1e6 - start / 1000:.1f}")
    if not loose:
        return table
    return Group(table, Text("log lines outside these spans", style="dim"), render_lines(loose))


def render_lines(lines: Iterable[LogLine]) -> RenderableType:
    """Log lines that stand at no span, each with its time, hop and span id."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("hop", no_wrap=True)
    table.add_column("line", overflow="fold", ratio=1)
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("at", no_wrap=True)
    for line in lines:
        at = datetime.fromtimestamp(line.time / 1e9, UTC)
        table.add_row(line.service, _log(line, 1), line.span_id, f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3])
    return table


def _causes(row: Row) -> Iterator[Text]:
    """Why a span failed: its status's description, and the exceptions that none of its log lines shows."""
    span, indent = row.span, " " * (row.depth + 2)
    logged = {
        (raised.kind.rpartition(".")[2], raised.message) for line in row.logs if (raised := line.raised)
    }
    shown = [one for one in span.raised if (one.kind.rpartition(".")[2], one.message) not in logged]
    # Instrumentation describes a status by the exception, which is shown in full.
    described = span.status_description
    if span.failed and described and not any(one.message and one.message in described for one in span.raised):
        yield Text(f"{indent}{described}", style="red")
    for one in shown:
        yield _exception(one, indent)


def _exception(raised: Raised, indent: str) -> Text:
    frames = "".join(f"\n{indent}  {frame}" for frame in raised.deepest(SHOWN_FRAMES))
    name = f"{raised.kind}: {raised.message}" if raised.message else raised.kind
    return Text(f"{indent}{name}{frames}", style="red")


def _colours(services: Iterable[str]) -> dict[str, str]:
    names = dict.fromkeys(services)
    return {name: HOP_COLOURS[i % len(HOP_COLOURS)] for i, name in enumerate(names)}


def _bar(offset: int, duration: int, total: int) -> str:
    left = min(BAR_WIDTH - 1, offset * BAR_WIDTH // total)
    length = max(1, min(BAR_WIDTH - left, round(duration * BAR_WIDTH / total)))
    return " " * left + "━" * length


def _log(line: LogLine, depth: int) -> Text:
    """A line, what it is about, and why."""
    indent = " " * depth
    style = {"error": "red", "critical": "red", "warning": "yellow"}.get(line.level.lower(), "dim")
    text = Text(f"{indent}· {line.level.lower()} {line.message}", style=style)
    about = [
        f"{name}={value}"
        for name, value in sorted(line.labels.items())
        if (name.endswith("_id") and name not in _IDS_OF_LINE) or name in _NAMES
    ]
    if about:
        text.append(f"  {' '.join(about)}", style="dim")
    for name in _REASONS:
        if reason := line.labels.get(name):
            text.append(f"\n{indent}  {name}: {reason}")
    if (raised := line.raised) is not None:
        text.append("\n").append_text(_exception(raised, f"{indent}  "))
    return text
