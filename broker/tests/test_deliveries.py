"""Find a bad webhook call, and send it again."""

from typing import Any
from uuid import uuid4

import pytest

from broker.tests.servers import Rio, wait_until


@pytest.fixture(autouse=True)
def _sink_takes_everything_again(rio: Rio) -> object:
    yield
    rio.sink.answer = lambda _delivered: 204


def deliveries(rio: Rio, **query: Any) -> list[dict[str, Any]]:
    answer = rio.client.get("/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_every_failed_attempt_is_found_and_its_dead_letter_sent_again(rio: Rio) -> None:
    path = rio.subscribe("clinic", "clinic.test")
    statuses = iter([500, 422])
    rio.sink.answer = lambda _delivered: next(statuses, 204)
    event_id = str(uuid4())
    assert rio.emit("clinic.test", event_id).status_code == 202
    dead, retried = wait_until(
        lambda: len(found := deliveries(rio, subscription="clinic", event=event_id)) == 2 and found,
        what="both attempts",
    )
    assert [(one["attempt"], one["status"], one["outcome"]) for one in (retried, dead)] == [
        (1, 500, "retry"),
        (2, 422, "dead"),
    ]
    assert dead["trace_id"]
    assert deliveries(rio, event=event_id, outcome="dead") == [dead]
    assert rio.client.get(f"/deliveries/{dead['id']}").json() == dead
    answer = rio.client.post(f"/deliveries/{dead['id']}/redeliver")
    assert (answer.status_code, answer.json()["origin"]) == (202, "dead-letter")
    wait_until(lambda: len(rio.sink.to(path)) == 3, what="the redelivery")
    assert rio.client.get("/dead-letters", params={"subscription": "clinic"}).json()["items"] == []


def test_a_delivered_event_is_sent_again_from_the_event_log(rio: Rio) -> None:
    path = rio.subscribe("again-please", "encore.test")
    rio.emit("encore.test", str(uuid4()))
    event_id = str(uuid4())
    rio.emit("encore.test", event_id)
    (delivered,) = wait_until(
        lambda: deliveries(rio, subscription="again-please", event=event_id), what="the record"
    )
    assert delivered["outcome"] == "delivered"
    answer = rio.client.post(f"/deliveries/{delivered['id']}/redeliver")
    assert (answer.status_code, answer.json()["origin"]) == (202, "event-log")
    wait_until(lambda: len(rio.sink.to(path)) == 3, what="the redelivery")
    assert rio.sink.to(path)[-1].id == event_id
    assert rio.sink.to(path)[-1].body == rio.sink.to(path)[-2].body
    replay = wait_until(
        lambda: (found := rio.client.get(answer.headers["Location"]).json())["finished_at"] and found,
        what="the end of the replay",
    )
    assert (replay["state"], replay["replayed"], replay["event"]) == ("done", 1, event_id)


def test_what_the_log_does_not_hold_fails_and_says_so(rio: Rio) -> None:
    rio.subscribe("forgetful", "forget.test")
    ((delivery_id,),) = rio.postgres.execute(
        "rio",
        """
        INSERT INTO deliveries (subscription, event_source, event_id, event_type, attempt, at, seconds,
            outcome, reason, response)
        VALUES ('forgetful', '/x', 'never', 'forget.test', 1, now(), 0, 'retry', '', '') RETURNING id
        """,
    )
    answer = rio.client.post(f"/deliveries/{delivery_id}/redeliver")
    assert answer.status_code == 202
    replay = wait_until(
        lambda: (found := rio.client.get(answer.headers["Location"]).json())["finished_at"] and found,
        what="the end of the replay",
    )
    assert (replay["state"], replay["reason"]) == ("failed", "the event log no longer holds the event")


def test_unknown_deliveries_are_not_found(rio: Rio) -> None:
    for answer in (
        rio.client.get("/deliveries/999999999"),
        rio.client.post("/deliveries/99999999999999999999/redeliver"),
    ):
        assert (answer.status_code, answer.json()["title"]) == (404, "Delivery not found")
    assert rio.client.get("/deliveries/" + "9" * 5000).status_code == 404
