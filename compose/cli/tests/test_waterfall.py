import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from compose.cli.telemetry import LogLine, Span
from compose.cli.waterfall import arrange, missing_parents, render


def span(span_id: str, parent: str | None = None, start: int = 0, duration: int = 10, **tags: str) -> Span:
    return Span("t" * 32, span_id, parent, f"hop-{span_id}", f"span {span_id}", start, duration, tags)


def log(span_id: str, message: str) -> LogLine:
    return LogLine(1_000, "gateway", message, {"span_id": span_id, "severity_text": "INFO"})


def test_children_follow_their_parent_in_time_order() -> None:
    rows, loose = arrange([span("c", "a", 5), span("b", "a", 2), span("a"), span("d", "b", 3)], [])
    assert [(row.span.span_id, row.depth) for row in rows] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert loose == []


def test_log_lines_stand_at_their_span_and_others_apart() -> None:
    rows, loose = arrange([span("a")], [log("a", "in"), log("z", "out")])
    assert [line.message for line in rows[0].logs] == ["in"]
    assert [line.message for line in loose] == ["out"]


def test_a_span_without_its_parent_is_shown_and_named() -> None:
    orphan = span("b", "lost")
    rows, _ = arrange([orphan], [])
    assert [row.depth for row in rows] == [0]
    assert missing_parents([orphan, span("a")]) == [orphan]


SPANS = st.lists(
    st.builds(
        span,
        st.sampled_from("abcdef"),
        st.none() | st.sampled_from("abcdefx"),
        st.integers(0, 10**15),
        st.integers(0, 10**12),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda s: s.span_id,
)


@given(SPANS)
def test_any_acyclic_spans_are_all_rendered(spans: list[Span]) -> None:
    # A parent is older in its list: what hops send cannot be a cycle.
    order = [s.span_id for s in spans]
    older = {name: set(order[:position]) for position, name in enumerate(order)}
    spans = [replace(s, parent_id=s.parent_id if s.parent_id in older[s.span_id] else None) for s in spans]
    rows, loose = arrange(spans, [])
    assert {row.span.span_id for row in rows} == set(order)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render(rows, loose))
    text = console.export_text()
    assert all(f"span {name}" in text for name in order)
