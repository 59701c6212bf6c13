import io
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from compose.cli.telemetry import LogLine, Raised, Span
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


PYTHON = """Traceback (most recent call last):
  File "/srv/gunicorn/sync.py", line 1, in handle
    respiter = self.wsgi(environ)
  File "/srv/orders/views.py", line 42, in place
    return customer.name
  File "/srv/orders/models.py", line 7, in name
    return self._name
AttributeError: 'NoneType' object has no attribute 'name'"""
JAVA = """org.springframework.dao.DataAccessException: no row
\tat org.springframework.jdbc.JdbcTemplate.query(JdbcTemplate.java:1)
\tat nextphase.inventory.Stock.read(Stock.java:2)
Caused by: java.sql.SQLException: connection refused
\tat org.postgresql.Driver.connect(Driver.java:3)
\tat com.zaxxer.hikari.Pool.take(Pool.java:4)
\tat com.zaxxer.hikari.Pool.get(Pool.java:5)"""


def shown(spans: list[Span], logs: list[LogLine]) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(*arrange(spans, logs)))
    return console.export_text()


def test_a_failed_span_is_marked_and_says_why_with_the_two_deepest_frames() -> None:
    failed = {"otel.status_code": "ERROR", "otel.status_description": "the database is away"}
    raised = Raised("AttributeError", "'NoneType' object has no attribute 'name'", PYTHON)
    text = shown([replace(span("a", **failed), raised=(raised,)), span("b", "a")], [])
    assert "✗ span a" in text
    assert "✗ span b" not in text
    assert "the database is away" in text
    assert "AttributeError: 'NoneType' object has no attribute 'name'" in text
    assert "/srv/orders/views.py:42 in place" in text
    assert "/srv/orders/models.py:7 in name" in text
    assert "sync.py" not in text


def test_an_exception_of_a_log_line_is_shown_once_and_with_its_cause() -> None:
    labels = {"span_id": "a", "severity_text": "ERROR", "logger": "orders"}
    raised = Raised("AttributeError", "'NoneType' object has no attribute 'name'", PYTHON)
    labels |= {"error_type": raised.kind, "error_message": raised.message, "error_stack": raised.stack}
    failed = replace(span("a", **{"otel.status_code": "ERROR"}), raised=(raised,))
    text = shown([failed], [LogLine(1_000, "orders", "Unhandled AttributeError", labels)])
    assert text.count("has no attribute 'name'") == 1
    assert text.count("models.py:7 in name") == 1
    java = Raised("org.springframework.dao.DataAccessException", "no row", JAVA)
    assert java.deepest(2) == [
        "at com.zaxxer.hikari.Pool.take(Pool.java:4)",
        "at org.postgresql.Driver.connect(Driver.java:3)",
    ]


def test_lines_say_what_they_are_about_and_why_and_spans_have_their_ids() -> None:
    about = {"event_id": "e-17", "event_type": "order.placed", "reason": "422 Invalid: /order_id: not a uuid"}
    labels = {"span_id": "a", "trace_id": "t" * 32, "severity_text": "ERROR", **about}
    text = shown(
        [span("a"), span("b", "a")], [LogLine(1_000, "relay", "Rio refused an event for good", labels)]
    )
    assert "Rio refused an event for good  event_id=e-17 event_type=order.placed" in text
    assert "reason: 422 Invalid: /order_id: not a uuid" in text
    assert re.search(r"span b +b ", text)
    assert "t" * 32 not in text


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
