"""Every state of an event is one line with what it takes to find the others."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from broker.tests.servers import Rio, wait_until


def lines(rio: Rio, event_id: str) -> list[dict[str, Any]]:
    """The lines that tell of an event's states, the API's before the dispatcher's."""
    records = [*rio.api.records(), *rio.dispatcher.records()]
    return [record for record in records if record.get("event_id") == event_id and "state" in record]


def states(rio: Rio, event_id: str) -> list[str]:
    return [line["state"] for line in lines(rio, event_id)]


def test_every_state_is_a_line_in_the_trace_of_the_event(rio: Rio) -> None:
    rio.subscribe("told", "told.test")
    statuses = iter([500, 422])
    rio.sink.answer = lambda _delivered: next(statuses, 204)
    event_id, trace_id = str(uuid4()), os.urandom(16).hex()
    rio.emit("told.test", event_id, traceparent=f"00-{trace_id}-{os.urandom(8).hex()}-01")
    expected = ["accepted", "queued", "attempt", "retry", "attempt", "dead"]
    wait_until(lambda: states(rio, event_id) == expected, what="the lines until the dead letter")
    for line in lines(rio, event_id):
        assert (line["event_type"], line["event_source"]) == ("told.test", "/tests")
        assert line["trace_id"] == trace_id
        assert line.get("subscription") == (None if line["state"] == "accepted" else "told")
    assert [line["attempt"] for line in lines(rio, event_id) if line["state"] == "attempt"] == [1, 2]

    kept = rio.client.get("/dead-letters", params={"subscription": "told"}).json()["items"]
    (letter,) = [one for one in kept if one["event"]["id"] == event_id]
    assert rio.client.post(f"/dead-letters/{letter['id']}/replay").status_code == 202
    wait_until(lambda: states(rio, event_id)[-2:] == ["attempt", "delivered"], what="the delivery")
    (replayed,) = [line for line in lines(rio, event_id) if line["state"] == "replayed"]
    assert replayed["subscription"] == "told"
    assert {line["trace_id"] for line in [replayed, *lines(rio, event_id)[-2:]]}.isdisjoint({trace_id})


def test_what_is_passed_over_or_has_no_taker_is_told(rio: Rio) -> None:
    picky = {"types": ["picky.test"], "sink": "/picky/events", "filters": [{"exact": {"subject": "7"}}]}
    assert rio.client.put("/subscriptions/picky", json=picky).status_code == 201
    passed, unrouted = str(uuid4()), str(uuid4())
    rio.emit("picky.test", passed, subject="8")
    wait_until(lambda: states(rio, passed) == ["accepted", "queued", "filtered"], what="the lines")
    rio.emit("nobody.listens", unrouted)
    (line,) = wait_until(lambda: lines(rio, unrouted), what="the line")
    assert (line["state"], line["routed"]) == ("accepted", False)


def test_what_waits_for_its_time_is_told(rio: Rio) -> None:
    event_id = str(uuid4())
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert rio.emit("later.test", event_id, notbefore=due).status_code == 202
    waiting = rio.client.get("/scheduled").json()["items"]
    (number,) = [one["id"] for one in waiting if one["event"]["id"] == event_id]
    rio.client.delete(f"/scheduled/{number}")
    wait_until(lambda: states(rio, event_id) == ["scheduled", "discarded"], what="the lines")


def test_what_a_gone_sink_leaves_is_told_to_be_queued(rio: Rio) -> None:
    rio.subscribe("left", "left.test")
    rio.sink.answer = lambda _delivered: 410
    event_id = str(uuid4())
    rio.emit("left.test", event_id)
    expected = ["accepted", "queued", "attempt", "queued"]
    wait_until(lambda: states(rio, event_id) == expected, what="the lines until the pause")
    rio.sink.answer = lambda _delivered: 204
    rio.client.post("/subscriptions/left/resume")
    wait_until(lambda: states(rio, event_id)[-1] == "delivered", what="the delivery")
