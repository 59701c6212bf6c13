"""Reading CloudEvents: what is accepted is kept, anything else is a problem with a 4xx."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.model.event import MAX_ATTRIBUTES_BYTES, Event, parse_batch, parse_binary, parse_structured
from broker.rio.model.message import Attempt, Message
from observability.http.problem import Problem

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
#: Unicode's noncharacters, which CloudEvents forbids as it does control characters.
NONCHARACTERS = [
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)),
]
text = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=NONCHARACTERS),
    min_size=1,
    max_size=60,
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


def read(document: Any) -> Event:
    """The event of a JSON document, in structured mode."""
    return parse_structured(json.dumps(document).encode())


def attempt(parse: Callable[..., Any], *arguments: Any) -> Any:
    """The parsed event, or the problem; any other exception fails the test."""
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
    if "data" in document:
        assert json.loads(event.body) == document["data"]
    else:
        assert event.body == b""
    assert event.attributes["time"]


@given(json_values)
def test_any_json_is_an_event_or_a_problem(document: Any) -> None:
    with pytest.raises(Problem) as refused:
        read(document)
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
    event = read(document)
    message = Message(event, {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}, accepted_at=12.5)
    later = message.attempted(Attempt(20.0, 500, 0.1, "the sink answered 500", "no"))
    assert Message.read(later.headers(), event.content_type, event.body, now=99.0) == later


anything = st.none() | st.text(max_size=20) | st.floats() | st.integers() | st.booleans()
own_headers = ["rio-accepted-at", "rio-attempt", "rio-first-attempt-at", "rio-replay", "rio-history"]
attempts = st.fixed_dictionaries({}, optional=dict.fromkeys(("at", "status", "seconds", "body"), anything))


@given(
    st.dictionaries(
        st.text(max_size=20) | st.sampled_from(own_headers),
        anything | st.lists(attempts, max_size=2).map(json.dumps),
        max_size=5,
    )
)
def test_any_message_can_be_read_and_kept(headers: dict[str, Any]) -> None:
    message = Message.read(headers, None, b"", now=1.0)
    assert isinstance(message.event, Event)
    assert 1 <= message.attempted(Attempt(1.0, 500, 0.1, "", "")).attempt < 2**31
    assert message.replay is None or 0 <= message.replay < 2**63
    moments = [message.accepted_at, message.first_attempt_at or 0.0, *(one.at for one in message.history)]
    for moment in moments:
        datetime.fromtimestamp(moment, UTC)
    json.dumps([one.document() for one in message.history], allow_nan=False)


BASE = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s"}


def pointers(document: dict[str, Any]) -> list[str]:
    """Where an event is wrong."""
    outcome = attempt(read, document)
    return [error["pointer"] for error in outcome.errors] if isinstance(outcome, Problem) else []


def test_attributes_that_are_null_are_absent() -> None:
    event = read({**BASE, "subject": None, "x": None, "time": None, "datacontenttype": None})
    assert event.subject is None
    assert "x" not in event.attributes
    assert event.attributes["time"]
    assert event.content_type is None
    assert event.body == b""


def test_data_that_is_null_is_data() -> None:
    event = read({**BASE, "data": None})
    assert (event.content_type, event.body) == ("application/json", b"null")
    assert read({**BASE, "data": None, "data_base64": "AAE="}).body == b"\0\1"


def test_base64_and_text_data_become_bytes() -> None:
    assert read({**BASE, "data_base64": "AAE=", "datacontenttype": "application/x"}).body == b"\0\1"
    assert read({**BASE, "data": "ü", "datacontenttype": "text/plain"}).body == "ü".encode()
    assert pointers({**BASE, "data": {}, "datacontenttype": "text/plain"}) == ["#/data"]
    assert pointers({**BASE, "data": 1, "data_base64": "AAE="}) == ["#/data_base64"]
    assert pointers({**BASE, "data_base64": "AAE"}) == ["#/data_base64"]


DATA = [
    b"12345678901234567.89",
    b"1e-400",
    b"1e400",
    b"-0.0",
    b"1.10",
    b'{"a" : [1E+2,  0.1000000000000000055511151231257827021181583404541015625]}',
    b"9" * 5000,
    b'"\\u00e9 \\u0000 \xc3\xa9"',
    b'{"lone" : "\\ud800", "pair": "\\ud83d\\ude00", "none": "\\\\ud800 \xef\xbf\xbf"}',
    b'{"a":1,"a":2}',
    b"null",
    b"{}",
]
ENVELOPE = b'{"specversion":"1.0","id":"1","type":"t","source":"/s",%b"data":%b}'


@pytest.mark.parametrize("data", DATA)
def test_data_passes_byte_for_byte(data: bytes) -> None:
    headers = {f"ce-{name}": value for name, value in BASE.items()}
    assert parse_binary({**headers, "Content-Type": "application/json"}.items(), data).body == data
    assert parse_structured(ENVELOPE % (b"", data)).body == data
    assert parse_structured(ENVELOPE % (b'"datacontenttype":"a/b+json",', data)).body == data
    first, second = parse_batch(b"[%b , %b]" % (ENVELOPE % (b"", data), ENVELOPE % (b"", b"1")))
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert (first.body, second.body) == (data, b"1")


@pytest.mark.parametrize(
    "data", [b"NaN", b"Infinity", b"01", b"1.", b"'a'", b'"\xff"', b"[" * 100_000, b"{} {}"]
)
def test_what_is_no_json_is_refused_in_every_mode(data: bytes) -> None:
    headers = {**{f"ce-{name}": value for name, value in BASE.items()}, "Content-Type": "application/json"}
    for outcome in (
        attempt(parse_binary, headers.items(), data),
        attempt(parse_structured, ENVELOPE % (b"", data)),
        attempt(parse_batch, b"[%b]" % (ENVELOPE % (b"", data))),
    ):
        assert isinstance(outcome, Problem)
        assert outcome.status == 400


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.123456789Z",
        "2026-01-02T03:04:05.1+05:30",
        "1990-12-31T23:59:60Z",
        "1990-12-31T15:59:60.25-08:00",
        "9999-12-31T23:59:59.999999999-12:00",
        "0000-02-29T00:00:00Z",
    ],
)
def test_a_time_is_kept_as_it_is_written(time: str) -> None:
    assert read({**BASE, "time": time}).attributes["time"] == time
    headers = {f"ce-{name}": value for name, value in BASE.items()}
    assert parse_binary({**headers, "ce-time": time}.items(), b"").attributes["time"] == time


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05",
        "2026-02-30T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T23:59:60Z",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+0100",
        "10000-01-01T00:00:00Z",
    ],
)
def test_a_time_that_is_none_is_refused(time: str) -> None:
    assert pointers({**BASE, "time": time}) == ["#/time"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("anattributewithmorethantwentycharacters", "x", "x"),
        ("n" * 252, "x", "x"),
        ("subject", "s" * 2000, "s" * 2000),
        ("subject", 'ü😀 %20"' * 300, 'ü😀 %20"' * 300),
        ("id", "i" * 2000, "i" * 2000),
        ("source", "urn:" + "s" * 2000, "urn:" + "s" * 2000),
        ("type", "t" * 255, "t" * 255),
        ("source", "mailto:a@b.example", "mailto:a@b.example"),
        ("source", "1-555-123-4567", "1-555-123-4567"),
        ("source", "https://[::1]:80/a?b=c#d", "https://[::1]:80/a?b=c#d"),
        ("dataschema", "https://example.org/s/1", "https://example.org/s/1"),
        ("x", "", ""),
        ("x", True, "true"),
        ("x", -(2**31), "-2147483648"),
        ("data1", "x", "x"),
    ],
)
def test_what_the_specification_allows_passes(name: str, value: Any, text: str) -> None:
    assert read({**BASE, name: value}).attributes[name] == text
    headers = {f"ce-{one}": str(found) for one, found in BASE.items()}
    event = parse_binary({**headers, f"Ce-{name}": quote(text)}.items(), b"")
    assert event.attributes[name] == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", 5),
        ("subject", ""),
        ("subject", True),
        ("source", ""),
        ("source", "a b"),
        ("source", "/ü"),
        ("source", "/%zz"),
        ("source", "1:2"),
        ("specversion", "1.1"),
        ("specversion", "0.3"),
        ("dataschema", "/relative"),
        ("dataschema", ""),
        ("datacontenttype", "json"),
        ("datacontenttype", "text/ä"),
        ("x", "a\nb"),
        ("x", "\x85"),
        ("x", "\ufdd0"),
        ("x", "\U0001ffff"),
        ("x", 2**31),
        ("x", 1.5),
        ("x", []),
        ("type", "t" * 256),
        ("type", "not a type"),
    ],
)
def test_what_the_specification_forbids_is_refused(name: str, value: Any) -> None:
    assert pointers({**BASE, name: value}) == [f"#/{name}"]


@pytest.mark.parametrize("name", ["X", "a_b", "a-b", "", "n" * 253])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    assert len(pointers({**BASE, name: "x"})) == 1


@pytest.mark.parametrize("name", ["ce-data", "ce-datacontenttype", "ce-data_base64", "ce-"])
def test_a_header_that_is_no_attribute_is_refused(name: str) -> None:
    headers = {f"ce-{one}": found for one, found in BASE.items()}
    outcome = attempt(parse_binary, {**headers, name: "text/plain"}.items(), b"")
    assert isinstance(outcome, Problem)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41", "A"),
        ("%2541", "%41"),
        ('"a b"', "a b"),
        (r'"a\"b\\"', 'a"b\\'),
        ("100%", "100%"),
    ],
)
def test_header_values_are_decoded_once(value: str, text: str) -> None:
    headers = {f"ce-{one}": found for one, found in BASE.items()}
    assert parse_binary({**headers, "ce-subject": value}.items(), b"").subject == text


@pytest.mark.parametrize("value", ["%C0%A0", "%ff", "ü", "%00", "%0A"])
def test_header_values_that_are_no_text_are_refused(value: str) -> None:
    headers = {f"ce-{one}": found for one, found in BASE.items()}
    outcome = attempt(parse_binary, {**headers, "ce-subject": value}.items(), b"")
    assert isinstance(outcome, Problem)
    assert [error["pointer"] for error in outcome.errors] == ["#/subject"]


def test_attributes_of_64_kib_pass_and_no_more() -> None:
    room = MAX_ATTRIBUTES_BYTES - 400
    event = read({**BASE, "subject": "s" * room})
    assert event.subject == "s" * room
    assert len(read({**BASE, **{f"a{number}": "x" for number in range(2000)}}).attributes) > 2000
    assert pointers({**BASE, "subject": "s" * MAX_ATTRIBUTES_BYTES}) == ["#"]


def test_batch_tells_good_from_bad() -> None:
    good = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s"}
    first, second, third = parse_batch(json.dumps([good, 7, good]).encode())
    assert isinstance(first, Event)
    assert isinstance(second, Problem)
    assert isinstance(third, Event)
