"""Bodies that are JSON objects and bodies that are refused."""

import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observability.http.json_body import MAX_BODY_BYTES, MAX_ERRORS, MAX_POINTER, max_body_bytes, parse_object
from observability.http.problem import Problem
from observability.settings import SettingsError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def refusal(body: bytes, content_type: str | None = "application/json") -> Problem:
    with pytest.raises(Problem) as caught:
        parse_object(body, content_type)
    return caught.value


def status_of(body: bytes, content_type: str = "application/json") -> int:
    try:
        parse_object(body, content_type)
    except Problem as problem:
        return problem.status
    return 200


def storable(value: Any) -> bool:
    return "\\u0000" not in json.dumps(value)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=5).filter(storable), st.booleans())
def test_objects_come_back(document: dict[str, Any], ascii_only: bool) -> None:
    assert (
        parse_object(json.dumps(document, ensure_ascii=ascii_only).encode(), "application/json") == document
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_problem(body: bytes) -> None:
    try:
        document: object = parse_object(body, "application/json")
    except Problem as problem:
        document = {"refused with": problem.status}
    assert document == {"refused with": 400} or isinstance(document, dict)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        "application/cloudevents+json",
    ],
)
def test_media_types_that_are_json(content_type: str) -> None:
    assert parse_object(b"{}", content_type) == {}


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/json", "text/plain", "json", ";", "application/json; charset=utf-16", "image/svg+json"],
)
def test_media_types_that_are_not(content_type: str | None) -> None:
    assert refusal(b"{}", content_type).status == 415


@pytest.mark.parametrize(
    "parameter",
    ["charset*" + "1" * 5000 + "=x", 'a="' + ";" * 30_000, "a=" + "b" * 300, "charset*=x'y"],
)
def test_no_parameter_of_a_media_type_breaks_it(parameter: str) -> None:
    assert refusal(b"{}", f"application/json; {parameter}").status == 415


@given(st.text(st.sampled_from("application/json;charset*=utf-8\"'%019 \t\\+\xff\xb2"), max_size=300))
def test_any_media_type_is_json_or_refused(content_type: str) -> None:
    assert status_of(b"{}", content_type) in (200, 415)


@pytest.mark.parametrize(
    "body",
    [
        b'{"on_hand":-5,"on_hand":5}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":[{"b":1,"c":2,"b":3}]}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{},"a":[]}',
    ],
)
def test_a_member_that_is_there_twice_is_refused(body: bytes) -> None:
    """Whatever reads the body next could take the other one."""
    problem = refusal(body)
    assert (problem.status, "is there twice" in (problem.detail or "")) == (400, True)
    assert parse_object(b'{"a":{"b":1},"b":{"a":1}}', "application/json")


@pytest.mark.parametrize("name", [b"a", b"\\u0061"])
def test_any_depth_is_read_or_refused(name: bytes) -> None:
    """Also one that can just be decoded, and not be gone through for what cannot be stored."""
    found = [status_of(b'{"%b":' % name * depth + b"1" + b"}" * depth) for depth in range(880, 1000)]
    assert sorted(found) == found
    assert set(found) == {200, 400}


def test_no_more_pointers_are_made_than_are_told() -> None:
    body = b'{"%b": [%b]}' % (b"x" * 100_000, b",".join([b'"\\u0000"'] * 2000))
    tracemalloc.start()
    try:
        problem = refusal(body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(problem.errors) == MAX_ERRORS
    assert most < 2 * MAX_ERRORS * len(body)


def test_the_limit() -> None:
    body = b'{"a":"' + b"x" * (MAX_BODY_BYTES - 8) + b'"}'
    assert len(parse_object(body, "application/json")["a"]) == MAX_BODY_BYTES - 8
    assert refusal(body + b" ").status == 413


def test_what_cannot_be_stored_is_pointed_at() -> None:
    problem = refusal(b'{"a": {"b/c": ["ok", "\\u0000"]}, "\\ud800": 1, "pair": "\\ud83d\\ude00"}')
    assert problem.status == 400
    assert [error["pointer"] for error in problem.errors] == ["#/a/b~1c/1", "#"]


def seconds(body: bytes) -> float:
    """Processor time that a body takes."""
    began = time.process_time()
    parse_object(body, "application/json")
    return time.process_time() - began


MANY = MAX_BODY_BYTES // 8


@pytest.mark.parametrize(
    "body",
    [
        b'{"%%b":1,"%b":[%b1]}' % (b"a" * (MAX_BODY_BYTES // 2), b"1," * MANY),
        b'{"%%b":1,"a":%b%b""%b}' % (b"[" * 900, b'"",' * MANY, b"]" * 900),
    ],
    ids=["a long name of many values", "many texts below many levels"],
)
def test_what_can_be_stored_is_found_out_in_one_pass(body: bytes) -> None:
    escaped, plain = (min(seconds(body % name) for _ in range(2)) for name in (b"\\u0062", b"b"))
    assert escaped < 100 * plain


def test_a_pointer_that_is_too_long_leads_to_what_is_around_it() -> None:
    texts = b",".join([b'"\\u0000"'] * MAX_ERRORS)
    for name in (b"a" * MAX_POINTER, b"/" * (MAX_POINTER - 10)):
        problem = refusal(b'{"b":{"%b":[%b]}}' % (name, texts))
        assert [error["pointer"] for error in problem.errors] == ["#/b"] * MAX_ERRORS


def test_numbers_too_long_to_read() -> None:
    assert refusal(b'{"a": ' + b"9" * 10000 + b"}").status == 400


def test_the_limit_is_the_platforms() -> None:
    assert max_body_bytes({"MAX_BODY_BYTES": "70000"}) == 70_000
    assert max_body_bytes({}) > 1024 * 1024 * 4 // 3


@pytest.mark.parametrize("text", ["0", "-1", "1 MiB", "1e6", "\u0661"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="MAX_BODY_BYTES"):
        max_body_bytes({"MAX_BODY_BYTES": text})
