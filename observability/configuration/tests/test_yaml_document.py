"""YAML files: what is read, and that whatever is wrong is said with file, line and field."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.configuration.errors import FaultyDocument
from observability.configuration.yaml_document import MAX_DEPTH, Document

MAX_BYTES = 8192


def read(folder: Path, content: str | bytes, **limits: Any) -> Document:
    file = folder / "a.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Document.read(file, "a.yaml", **({"max_bytes": MAX_BYTES} | limits))


def test_content_has_json_types(tmp_path: Path) -> None:
    document = read(tmp_path, "a: [1, 1.5, true, null, text]\n'200': {b: c}\n")
    assert document.content == {"a": [1, 1.5, True, None, "text"], "200": {"b": "c"}}
    assert document.line(("200", "b")) == 2
    document.refuse()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\nb: .inf", "2: b: '.inf' is not a value that is allowed here"),
        ("a: 2020-01-01", "1: a: '2020-01-01' is not a value"),
        ("a: !!python/name:os.system", "1: a: '' is not a value"),
        ('a: "\\ud800"', "1: "),
        ("a: 0x" + "f" * 4000, "1: a: '0xfff"),
        ("a: 1\n200: 2", "2: (document): keys are text"),
        ("a: {true: 2}", "1: a: keys are text"),
        ("? [a]\n: b", "1: (document): keys are text"),
        ("a: 1\na: 2", "2: a: is given twice"),
        ("a: 1\nb: &x 1\nc: *x", "3: (document): alias *x"),
        ('"a\\n\\e[2J": 1\n"a\\n\\e[2J": 1', "2: a\\x0a\\x1b[2J: is given twice"),
        ("# nothing", "1: (document): is empty"),
        (b"\xff", "1: (document): is not UTF-8"),
        ("#" * (MAX_BYTES + 1), "1: (document): is longer than 8192 bytes"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_field(tmp_path: Path, content: str | bytes, said: str) -> None:
    document = read(tmp_path, content)
    with pytest.raises(FaultyDocument) as caught:
        document.refuse()
    assert str(caught.value).startswith(f"a.yaml:{said}")
    assert sorted(set(document.faults)) == caught.value.faults


def test_limits_are_the_readers(tmp_path: Path) -> None:
    assert not read(tmp_path, "#" * MAX_BYTES + "\n1", max_bytes=2 * MAX_BYTES).faults
    assert not read(tmp_path, "[" * MAX_DEPTH + "]" * MAX_DEPTH).faults
    assert "is nested too deeply" in str(read(tmp_path, "[" * 500).faults)
    assert "is nested too deeply" in str(read(tmp_path, "[[]]", max_depth=1).faults)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    (fault,) = Document.read(tmp_path / "none", max_bytes=1).faults
    assert str(fault) == f"{tmp_path}/none:1: (document): cannot be read: No such file or directory"


SCHEMA = {
    "properties": {
        "kind": {"enum": ["a", "b"], "x-message": "has to be a or b"},
        "name": {"pattern": "^[a-z]+$"},
        "its": {"required": ["in'ner"]},
        "names": {"propertyNames": {"pattern": "^[A-Z]$"}},
        "either": {"anyOf": [{"properties": {"x": {"type": each}}} for each in ("integer", "boolean")]},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind: c", "1: kind: has to be a or b"),
        ('name: "a\\n"', "1: name: 'a\\n' does not match '^[a-z]+$'"),
        ("its:\n  x: 1", "1: its.in'ner: is missing"),
        ("names: {X: 1, xy: 2}", "1: names.xy: the name must match ^[A-Z]$"),
        ("either:\n  x: y", "2: either.x: 'y' is not of type 'integer'"),
        ("kind: a\nother: 1", "2: other: is unknown; known are either, its, kind, name, names"),
    ],
)
def test_what_does_not_follow_the_schema_is_said(tmp_path: Path, content: str, said: str) -> None:
    document = read(tmp_path, content)
    document.check(SCHEMA)
    (fault,) = document.faults
    assert str(fault) == f"a.yaml:{said}"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text("ab:[]{}-&*!|>'\"\n \t#,?%@0x", max_size=60))
def test_any_content_is_read_or_has_faults(tmp_path: Path, content: str | bytes) -> None:
    document = read(tmp_path, content)
    if not document.faults:
        document.check(SCHEMA)


def test_the_reader_needs_no_telemetry() -> None:
    code = "import sys, observability.configuration.yaml_document; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "observability" in loaded
    assert not {"opentelemetry", "pydantic", "google"} & loaded
