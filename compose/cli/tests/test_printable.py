"""No text from outside steers the terminal that shows it."""

import io
import json
import unicodedata
from contextlib import redirect_stdout
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from compose.cli import waterfall
from compose.cli.commands import logs, tail
from compose.cli.printable import printable, printable_json, printable_lines
from compose.cli.telemetry import LogLine, Raised, Span

HOSTILE = "a\x1b[31mb\x00\x07\x08\x7f\x9b2J\r\u202ec\ud800"


def steering(text: str) -> set[str]:
    """The characters of a text that a terminal acts on, tabs and ends of lines apart."""
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in "\t\n"}


@given(st.text(st.characters()))
def test_a_text_is_one_line(text: str) -> None:
    assert not steering(printable(text))
    assert "\n" not in printable(text)


def test_escapes_are_those_of_the_collector() -> None:
    assert printable("a\x1b\x9b\r\u202eb") == r"a\x1b\x9b\x0d\u202eb"


@given(st.text(st.characters()))
def test_lines_stay_lines(text: str) -> None:
    shown = printable_lines(text)
    assert not steering(shown)
    assert shown.count("\n") == text.count("\n")


@given(
    st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)
def test_a_document_stays_the_same(document: object) -> None:
    shown = printable_json(json.dumps(document, ensure_ascii=False))
    assert json.loads(shown) == document
    assert not {each for each in shown if unicodedata.category(each) == "Cc"}
    assert not set("\u202e\u2066\u200f\u2028") & set(shown)


def test_a_log_file_steers_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.Log("postgres", tmp_path / "postgres.log")
    content = (
        b"\x1b[33mWRN\x1b[0m relation \x1b[2J\x9b\xff\x00 \xc2\x9b31m\xe2\x80\xae does not exist\n\tfrom it\n"
    )
    log.path.write_bytes(content)
    logs._print_last([log], 10)
    shown = capsys.readouterr().out
    assert not steering(shown)
    assert shown.startswith("WRN relation \\x1b[2J")
    assert shown.endswith("does not exist\n\tfrom it\n")


def test_a_trace_steers_nothing() -> None:
    raised = Raised(
        "ValueError", HOSTILE, f'Traceback\n  File "{HOSTILE}", line 7, in read\nValueError: {HOSTILE}'
    )
    tags = {"otel.status_code": "ERROR", "otel.status_description": HOSTILE}
    span = Span("0" * 32, "1" * 16, None, "orders" + HOSTILE, HOSTILE, 0, 10, tags, (raised,))
    labels = {"span_id": "1" * 16, "order_id": HOSTILE, "reason": HOSTILE, "severity_text": "error"}
    line = LogLine(0, HOSTILE, f"one\ntwo {HOSTILE}", labels)
    loose = LogLine(0, HOSTILE, HOSTILE, {"error_type": HOSTILE, "error_stack": raised.stack})
    rows, others = waterfall.arrange([span], [line, loose])
    stream = io.StringIO()
    Console(file=stream, width=200).print(waterfall.render(rows, others))
    assert not steering(stream.getvalue())
    assert "one\\x0atwo" in stream.getvalue()


def test_a_tail_steers_nothing() -> None:
    event = {
        "type": HOSTILE[:-1],
        "source": HOSTILE[:-1],
        "subject": HOSTILE[:-1],
        "data": f"{HOSTILE[:-1]}\n",
    }
    members = {"event": event, "accepted_at": "2026-01-01T00:00:00.000Z"}
    raw = msgspec.json.decode(msgspec.json.encode(members), type=dict[str, msgspec.Raw])
    stream = io.StringIO()
    with redirect_stdout(stream):
        Console(width=400).print(tail._line(raw), soft_wrap=True, highlight=False)
    assert not steering(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
