"""A trace as a waterfall: spans as a tree on one time line, log lines at the spans that wrote them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from compose.cli.printable import printable
from compose.cli.telemetry import LogLine, Raised, Span

BAR_WIDTH = 22
_COLUMNS = 37
#: A span's name has at least this width, however narrow the terminal is.
_NARROWEST = 24
#: Of an exception, those next to where it was raised.
SHOWN_FRAMES = 2
#: What marks a span that failed, for readers and terminals without colours.
FAILED = "✗"
#: Fields of a log line that say why something is so.
_REASONS = ("reason", "detail", "refusal", "error", "faults")
#: Fields that name what a log line is about, beside those whose names end with `_id`.
_NAMES = ("subscription", "event_type", "subject")
#: Those that say where a line was written, and in which request: its place shows that.
_IDS_OF_LINE = frozenset({"trace_id", "span_id", "service_instance_id", "request_id"})
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
    waterfall = _Waterfall(rows)
    if not loose:
        return waterfall
    return Group(waterfall, Text("log lines outside these spans", style="dim"), render_lines(loose))


def render_lines(lines: Iterable[LogLine]) -> RenderableType:
    """Log lines that stand at no span, each with its time, hop and span id."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for line in lines:
        at = datetime.fromtimestamp(line.time / 1e9, UTC)
        service, span_id = printable(line.service), printable(line.span_id)
        table.add_row(f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3], service, span_id, _log(line))
    return table


class _Waterfall:
    """Spans in columns; what belongs to a span below it, as wide as the terminal."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._start = min(row.span.start for row in rows)
        self._total = max(row.span.end for row in rows) - self._start or 1
        self._colours = _colours(row.span.service for row in rows)
        self._hop_width = max(map(len, [*self._colours, "hop"]))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(_NARROWEST, options.max_width - self._hop_width - 2 - _COLUMNS - BAR_WIDTH)
        yield Text(
            f"{'hop':{self._hop_width}}  {'span':{width}}{_columns('id', 'at ms', 'took ms')}", style="dim"
        )
        for row in self._rows:
            yield from self._span(row, width, console)
            indent = min(self._hop_width + row.depth + 4, options.max_width // 2)
            for text in self._below(row):
                yield Padding(text, (0, 0, 0, indent))

    def _span(self, row: Row, width: int, console: Console) -> Iterator[Text]:
        span, colour = row.span, self._colours[row.span.service]
        offset = span.start - self._start
        indent = " " * min(row.depth, width // 2)
        shown = f"{FAILED if span.failed else ''} {printable(span.name)}".strip()
        name = Text(shown, "bold red" if span.failed else "")
        first, *more = name.wrap(console, width - len(indent))
        line = Text(f"{printable(span.service):{self._hop_width}}  ", style=colour, end="")
        line.append(indent).append_text(first)
        line.pad_right(self._hop_width + 2 + width - line.cell_len)
        at, took = f"{offset / 1000:.1f}", f"{span.duration / 1000:.1f}"
        line.append(_columns(span.span_id, at, took)).append(_bar(offset, span.duration, self._total))
        line.end = "\n"
        yield line
        for rest in more:
            yield Text(f"{' ' * (self._hop_width + 2)}{indent}").append_text(rest)

    def _below(self, row: Row) -> Iterator[Text]:
        yield from _causes(row)
        for line in row.logs:
            yield _log(line, f"{line.time / 1e6 - self._start / 1000:.1f} ms ")


def _columns(span_id: str, at: str, took: str) -> str:
    """A span's id and times, _COLUMNS wide."""
    return f" {span_id:16} {at:>8} {took:>8}  "


def _causes(row: Row) -> Iterator[Text]:
    """Why a span failed: its status's description, and the exceptions that none of its log lines shows."""
    span = row.span
    logged = {
        (raised.kind.rpartition(".")[2], raised.message) for line in row.logs if (raised := line.raised)
    }
    # Instrumentation describes a status by the exception, which is shown in full.
    described = span.status_description
    if not described and not span.raised and "error.type" in span.tags:
        described = f"error.type={span.tags['error.type']}"
    if span.failed and described and not any(one.message and one.message in described for one in span.raised):
        yield Text(printable(described), style="red")
    for one in span.raised:
        if (one.kind.rpartition(".")[2], one.message) not in logged:
            yield _exception(one)


def _exception(raised: Raised) -> Text:
    frames = "".join(f"\n  {printable(frame)}" for frame in raised.deepest(SHOWN_FRAMES))
    name = printable(f"{raised.kind}: {raised.message}" if raised.message else raised.kind)
    return Text(f"{name}{frames}", style="red")


def _colours(services: Iterable[str]) -> dict[str, str]:
    names = dict.fromkeys(services)
    return {name: HOP_COLOURS[i % len(HOP_COLOURS)] for i, name in enumerate(names)}


def _bar(offset: int, duration: int, total: int) -> str:
    left = min(BAR_WIDTH - 1, offset * BAR_WIDTH // total)
    length = max(1, min(BAR_WIDTH - left, round(duration * BAR_WIDTH / total)))
    return " " * left + "━" * length


def _log(line: LogLine, at: str = "") -> Text:
    """A line, what it is about, and why."""
    level = line.level.lower()
    style = {"error": "red", "critical": "red", "warning": "yellow"}.get(level, "dim")
    text = Text(f"· {at}{level} {printable(line.message)}", style=style)
    about = [
        printable(f"{name}={value}")
        for name, value in sorted(line.labels.items())
        if (name.endswith("_id") and name not in _IDS_OF_LINE) or name in _NAMES
    ]
    if about:
        text.append(f"  {' '.join(about)}", style="dim")
    for name in _REASONS:
        if reason := line.labels.get(name):
            text.append(f"\n  {name}: {printable(reason)}")
    if (raised := line.raised) is not None:
        text.append("\n").append_text(_exception(raised))
    return text
