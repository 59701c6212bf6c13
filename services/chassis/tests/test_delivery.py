import json
from typing import Any

import pytest
from hypothesis import given, settings

from observability.http.problem import Problem
from services.chassis.delivery import read_event
from services.tests.events import JSON, envelope, twisted

HEADERS = {"Content-Type": "application/cloudevents+json"}


def body(**attributes: Any) -> bytes:
    return json.dumps(envelope("some.thing", {}, **attributes)).encode()


def test_reads_an_event() -> None:
    event = read_event(HEADERS, body(id="1", source="/tests"))
    assert (event.id, event.source, event.type, event.data) == ("1", "/tests", "some.thing", {})


@pytest.mark.parametrize("name", ["id", "source"])
@pytest.mark.parametrize("value", ["", "\x00", "\ud800", 1, None])
def test_refuses_what_the_inbox_cannot_keep(name: str, value: Any) -> None:
    with pytest.raises(Problem) as refusal:
        read_event(HEADERS, body(**{name: value}))
    assert refusal.value.status == 400


@settings(deadline=None)
@given(JSON | twisted(envelope("some.thing", {})))
def test_any_document_is_read_or_refused(document: Any) -> None:
    try:
        event = read_event(HEADERS, json.dumps(document).encode())
    except Problem:
        return
    f"{event.source} {event.id}".encode()
