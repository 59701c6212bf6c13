"""Reading CloudEvents: what is accepted is kept, anything else is a problem with a 4xx."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.events import Event, event_from_document, parse_batch, parse_binary, parse_structured
from broker.rio.message import Attempt, Message
from observability.problem import Problem

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
text = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=60
)
types = st.from_regex(r"[a-z0-9_-]{1,8}(\.[a-z0-9_-]{1,8}){0,3}", fullmatch=True)
names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(
    lambda name: (
        name
        not in {
            "data",
            "id",
            "type",
            "source",
            "subject",
            "time",
            "specversion",
            "dataschema",
            "datacontenttype",
        }
    )
)
events = st.fixed_dictionaries(
    {
        "specversion": st.just("1.0"),
        "id": text,
        "type": types,
        "source": st.sampled_from(["/orders", "urn:x:y", "https://example.org/a?b=c"]),
    },
    optional={
        "subject": text,
        "time": st.datetimes(timezones=st.timezones())
        .map(lambda time: time.isoformat())
        .filter(lambda t: len(t) < 33 and t[-6] in "+-"),
        "data": json_values,
    },
)


def attempt(parse: Callable[..., Any], *arguments: Any) -> Any:
    """What parsing gives, a problem included; any other exception is a failure of the test."""
    try:
        return parse(*arguments)
    except Problem as problem:
        return problem


@given(events, st.dictionaries(names, text | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=4))
def test_structured_event_is_kept_whole(document: dict[str, Any], extensions: dict[str, Any]) -> None:
    event = parse_structured(json.dumps(document | extensions).encode())
    assert (event.id, event.type, event.source) == (document["id"], document["type"], document["source"])
    assert event.subject == document.get("subject")
    for name, value in extensions.items():
        expected = str(value).lower() if isinstance(value, bool) else str(value)
        assert event.attributes[name] == expected
    if document.get("data") is not None:
        assert json.loads(event.body) == document["data"]
    else:
        assert event.body == b""
    assert event.attributes["time"]


@given(json_values)
def test_any_json_is_an_event_or_a_problem(document: Any) -> None:
    with pytest.raises(Problem) as refused:
        event_from_document(document)
    assert 400 <= refused.value.status < 500


@given(events, st.dictionaries(st.text(max_size=30), json_values, max_size=4))
def test_odd_attributes_never_crash(document: dict[str, Any], odd: dict[str, Any]) -> None:
    outcome = attempt(parse_structured, json.dumps(document | odd).encode())
    if isinstance(outcome, Problem):
        assert outcome.status == 400
        outcome.encode()
    else:
        assert outcome.id


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_problem(body: bytes) -> None:
    for parse in (parse_structured, parse_batch):
        outcome = attempt(parse, body)
        assert not isinstance(outcome, Problem) or outcome.status == 400


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "ce-id",
                "CE-Type",
                "ce-source",
                "ce-specversion",
                "ce-time",
                "ce-x",
                "ce-",
                "Content-Type",
                "Other",
            ]
        ),
        st.text(st.characters(max_codepoint=255), max_size=30)
        | st.sampled_from(["1.0", "%zz", "%00", "%ff", "application/json"]),
    ),
    st.binary(max_size=40),
)
def test_any_headers_are_an_event_or_a_problem(headers: dict[str, str], body: bytes) -> None:
    outcome = attempt(parse_binary, headers.items(), body)
    if isinstance(outcome, Problem):
        assert outcome.status == 400
    else:
        assert outcome.body == body


@given(events)
def test_event_survives_rabbitmq(document: dict[str, Any]) -> None:
    event = event_from_document(document)
    message = Message(event, {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}, accepted_at=12.5)
    later = message.attempted(Attempt(20.0, 500, 0.1, "the sink answered 500", "no"))
    assert Message.read(later.headers(), event.content_type, event.body, now=99.0) == later


@given(
    st.dictionaries(
        st.text(max_size=20), st.none() | st.text(max_size=20) | st.floats() | st.booleans(), max_size=5
    )
)
def test_any_message_can_be_read(headers: dict[str, Any]) -> None:
    message = Message.read(headers, None, b"", now=1.0)
    assert message.attempt >= 1
    assert isinstance(message.event, Event)


def test_members_that_are_null_are_absent() -> None:
    event = event_from_document(
        {
            "specversion": "1.0",
            "id": "1",
            "type": "t",
            "source": "/s",
            "subject": None,
            "data": None,
            "x": None,
        }
    )
    assert event.subject is None
    assert "x" not in event.attributes
    assert event.content_type is None


def test_base64_and_text_data_become_bytes() -> None:
    base = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s"}
    assert (
        event_from_document({**base, "data_base64": "AAE=", "datacontenttype": "application/x"}).body
        == b"\0\1"
    )
    assert event_from_document({**base, "data": "ü", "datacontenttype": "text/plain"}).body == "ü".encode()
    with pytest.raises(Problem):
        event_from_document({**base, "data": {}, "datacontenttype": "text/plain"})


def test_batch_tells_good_from_bad() -> None:
    good = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s"}
    first, second, third = parse_batch(json.dumps([good, 7, good]).encode())
    assert isinstance(first, Event)
    assert isinstance(second, Problem)
    assert isinstance(third, Event)
