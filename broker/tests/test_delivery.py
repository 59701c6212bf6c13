"""Delivering: retry until taken, dead letters for what is refused for good, nobody held up by another."""

import re
import threading
import time
from collections import Counter
from uuid import uuid4

import httpx
import pytest

from broker.rio.model.policy import Policy
from broker.tests.servers import Delivered, Rio, wait_until


@pytest.fixture(autouse=True)
def _sink_takes_everything_again(rio: Rio) -> object:
    yield
    rio.sink.answer = lambda _delivered: 204


def ids(rio: Rio, path: str) -> list[str]:
    return [one.id for one in rio.sink.to(path)]


def dead_letters(rio: Rio, subscription: str) -> list[dict[str, object]]:
    answer = rio.client.get("/dead-letters", params={"subscription": subscription})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_event_is_tried_again_until_the_sink_takes_it(rio: Rio) -> None:
    path = rio.subscribe("retried", "retry.test")
    statuses = iter([500, 302, 404])
    rio.sink.answer = lambda _delivered: next(statuses, 204)
    event_id = str(uuid4())
    assert rio.emit("retry.test", event_id, subject="s").status_code == 202
    wait_until(lambda: len(rio.sink.to(path)) == 4, what="the fourth attempt")
    attempts = rio.sink.to(path)
    assert {(one.id, one.body, one.headers["ce-subject"]) for one in attempts} == {
        (event_id, attempts[0].body, "s")
    }

    def count(outcome: str) -> float:
        labels = {"subscription": "retried", "outcome": outcome}
        return rio.metric(rio.dispatcher_port, "rio_deliveries_total", **labels)

    wait_until(lambda: count("delivered") == 1, what="the count")
    assert count("retry") == 3


@pytest.mark.parametrize("status", Policy().final_statuses)
def test_final_status_is_dead_lettered_at_once(rio: Rio, status: int) -> None:
    subscription = f"final-{status}"
    path = rio.subscribe(subscription, f"final.s{status}")
    rio.sink.answer = lambda _delivered: status
    event_id = str(uuid4())
    assert rio.emit(f"final.s{status}", event_id).status_code == 202
    (letter,) = wait_until(lambda: dead_letters(rio, subscription), what="the dead letter")
    assert (letter["status"], letter["attempts"], letter["event"]["id"]) == (status, 1, event_id)
    assert ids(rio, path) == [event_id]
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{subscription}") == 0)


def test_dead_letter_is_inspected_replayed_and_delivered(rio: Rio) -> None:
    path = rio.subscribe("replayed", "replay.test")
    rio.sink.answer = lambda _delivered: 422
    event_id = str(uuid4())
    rio.emit("replay.test", event_id)
    (letter,) = wait_until(lambda: dead_letters(rio, "replayed"), what="the dead letter")
    address = f"/dead-letters/{letter['id']}"
    whole = rio.client.get(address).json()
    assert whole["event"]["data_base64"]
    rio.sink.answer = lambda _delivered: 204
    assert rio.client.post(f"{address}/replay").status_code == 202
    wait_until(lambda: ids(rio, path) == [event_id, event_id], what="the replay")
    assert rio.client.get(address).status_code == 404
    assert rio.client.post(f"{address}/replay").status_code == 404


def test_replay_that_dies_again_is_a_dead_letter_again(rio: Rio) -> None:
    rio.subscribe("stubborn", "stubborn.test")
    rio.sink.answer = lambda _delivered: 400
    rio.emit("stubborn.test", str(uuid4()))
    (letter,) = wait_until(lambda: dead_letters(rio, "stubborn"), what="the dead letter")
    assert rio.client.post(f"/dead-letters/{letter['id']}/replay").status_code == 202
    (again,) = wait_until(
        lambda: [one for one in dead_letters(rio, "stubborn") if one["id"] != letter["id"]], what="its return"
    )
    assert again["event"]["id"] == letter["event"]["id"]
    assert rio.client.delete(f"/dead-letters/{again['id']}").status_code == 204
    assert dead_letters(rio, "stubborn") == []


def test_dead_letter_of_a_deleted_subscription_stays(rio: Rio) -> None:
    rio.subscribe("orphaned", "orphan.test")
    rio.sink.answer = lambda _delivered: 400
    rio.emit("orphan.test", str(uuid4()))
    (letter,) = wait_until(lambda: dead_letters(rio, "orphaned"), what="the dead letter")
    assert rio.client.delete("/subscriptions/orphaned").status_code == 204
    answer = rio.client.post(f"/dead-letters/{letter['id']}/replay")
    assert (answer.status_code, answer.json()["title"]) == (409, "Subscription gone")
    assert [one["id"] for one in dead_letters(rio, "orphaned")] == [letter["id"]]


def test_failing_and_hanging_sinks_hold_nobody_up(rio: Rio) -> None:
    bad, good = (rio.subscribe(name, "shared.test") for name in ("bad", "good"))
    hanging = {"types": ["shared.test"], "sink": "/slow/events", "config": {"timeout_seconds": 60}}
    assert rio.client.put("/subscriptions/slow", json=hanging).status_code == 201
    ended = threading.Event()

    def answer(delivered: Delivered) -> int:
        if delivered.path == "/slow/events":
            ended.wait(100)
        return 500 if delivered.path == bad else 204

    rio.sink.answer = answer
    sent = [str(uuid4()) for _ in range(60)]
    for event_id in sent:
        assert rio.emit("shared.test", event_id).status_code == 202
    try:
        wait_until(lambda: set(ids(rio, good)) == set(sent), 50.0, "the healthy sink's deliveries")
    finally:
        ended.set()
    rio.sink.answer = lambda _delivered: 204
    wait_until(lambda: Counter(ids(rio, bad)).keys() == set(sent), what="the recovered sink's deliveries")


def test_only_the_source_asked_for_is_delivered(rio: Rio) -> None:
    document = {"types": ["source.test"], "sink": "/choosy/events", "source": "/wanted"}
    assert rio.client.put("/subscriptions/choosy", json=document).status_code == 201
    unwanted, wanted = str(uuid4()), str(uuid4())
    rio.emit("source.test", unwanted)
    rio.emit("source.test", wanted, source="/wanted")
    wait_until(lambda: ids(rio, "/choosy/events"), what="the wanted event")
    assert ids(rio, "/choosy/events") == [wanted]


def test_changed_sink_is_used_without_a_restart(rio: Rio) -> None:
    rio.subscribe("moving", "moving.test")
    answer = rio.client.put("/subscriptions/moving", json={"types": ["moving.test"], "sink": "/moved/events"})
    assert answer.status_code == 200
    time.sleep(1.5)  # a dispatcher follows within a second
    event_id = str(uuid4())
    rio.emit("moving.test", event_id)
    wait_until(lambda: ids(rio, "/moved/events") == [event_id], what="the delivery to the new sink")


def test_the_api_tells_what_a_dispatcher_that_does_not_run_cannot(rio: Rio) -> None:
    """Dead letters and pauses, that alerts are on, and refusals before there is one."""
    rio.subscribe("kept", "kept.test")
    rio.sink.answer = lambda _delivered: 400
    assert rio.emit("kept.test", str(uuid4())).status_code == 202
    wait_until(lambda: len(rio.dead("kept")) == 1, what="the dead letter")
    rio.sink.answer = lambda _delivered: 204
    rio.dispatcher.end()
    try:
        assert rio.client.post("/subscriptions/kept/pause", json={"reason": "a fix"}).status_code == 200
        for metric in ("rio_dead_letters", "rio_subscription_paused"):
            wait_until(
                lambda name=metric: rio.metric(rio.api_port, name, subscription="kept") == 1, what=metric
            )
    finally:
        rio.dispatcher.start()
        rio.client.post("/subscriptions/kept/resume")
        rio.wait_ready()
    page = httpx.get(f"http://127.0.0.1:{rio.api_port}/metrics").text
    assert {'reason="too_many"', 'reason="unavailable"'} <= set(re.findall(r"refused_total\{(.*?)\}", page))


def test_the_api_tells_what_is_held_while_no_dispatcher_runs(rio: Rio) -> None:
    """Events of an ordered subscription that RabbitMQ does not count: they wait in PostgreSQL."""
    config = {"ordered": True, "retry": {"first_seconds": 60}}
    subscription = {"types": ["held.test"], "sink": "/held/events", "config": config}
    assert rio.client.put("/subscriptions/held", json=subscription).status_code == 201
    rio.sink.answer = lambda _delivered: 500
    for _ in range(3):
        assert rio.emit("held.test", str(uuid4()), subject="failing").status_code == 202

    def shown(name: str) -> float:
        return rio.metric(rio.api_port, name, subscription="held")

    wait_until(
        lambda: rio.metric(rio.dispatcher_port, "rio_held_messages", subscription="held") == 3,
        what="the events behind the failing one",
    )
    rio.dispatcher.end()
    try:
        wait_until(lambda: shown("rio_held_messages") == 3, what="their number")
        wait_until(lambda: shown("rio_held_oldest_message_age_seconds") > 1, what="the age of the oldest")
    finally:
        rio.client.delete("/subscriptions/held")
        rio.sink.answer = lambda _delivered: 204
        rio.dispatcher.start()
        rio.wait_ready()


def test_how_late_events_are_is_measured(rio: Rio) -> None:
    rio.subscribe("late", "late.test")

    def hang(delivered: Delivered) -> int:
        wait_until(lambda: rio.sink.answer is not hang, 20.0)
        return 204

    def age() -> float:
        return rio.metric(rio.dispatcher_port, "rio_oldest_message_age_seconds", subscription="late")

    def healths() -> list[float]:
        found = [httpx.get(f"http://127.0.0.1:{port}/health") for port in (rio.api_port, rio.dispatcher_port)]
        return [one.json()["checks"]["oldest-message"].get("observedValue", 0) for one in found]

    rio.sink.answer = hang
    rio.emit("late.test", str(uuid4()))
    wait_until(lambda: age() > 1 and min(healths()) > 1, what="the age of the event in hand")
    rio.client.post("/subscriptions/late/pause")
    rio.sink.answer = lambda _delivered: 204
    wait_until(lambda: age() == 0, what="nothing to wait")
    rio.emit("late.test", str(uuid4()))
    wait_until(lambda: age() > 1, what="the age of what waits")
    wait_until(lambda: max(healths()) == 0, what="health that looks past what is paused")
    rio.client.post("/subscriptions/late/resume")
    wait_until(lambda: age() == 0, what="nothing to wait")


def test_attempts_are_measured_by_answer_and_lead_to_a_trace(rio: Rio) -> None:
    rio.subscribe("counted", "counted.test")
    statuses = iter([500, 422])
    rio.sink.answer = lambda _delivered: next(statuses, 204)
    for _ in range(3):
        rio.emit("counted.test", str(uuid4()))

    def counted() -> dict[str, float]:
        return {
            class_: rio.metric(
                rio.dispatcher_port,
                "rio_delivery_attempts_total",
                subscription="counted",
                status_class=class_,
            )
            for class_ in ("2xx", "4xx", "5xx", "none")
        }

    wait_until(lambda: counted() == {"2xx": 2, "4xx": 1, "5xx": 1, "none": 0}, what="four attempts")
    asked = {"Accept": "application/openmetrics-text"}
    text = httpx.get(f"http://127.0.0.1:{rio.dispatcher_port}/metrics", headers=asked).text
    bucket = r'rio_delivery_latency_seconds_bucket{le="[^"]+",subscription="counted"}'
    (trace_id, *_) = re.findall(bucket + r' \S+ # {trace_id="(\w+)"}', text)
    wait_until(lambda: rio.collector.trace(trace_id), what="the trace of an exemplar")


def test_dead_letters_are_measured(rio: Rio) -> None:
    rio.subscribe("mourned", "mourned.test")
    rio.sink.answer = lambda _delivered: 400
    for _ in range(3):
        assert rio.emit("mourned.test", str(uuid4())).status_code == 202
    wait_until(
        lambda: rio.metric(rio.dispatcher_port, "rio_dead_letters", subscription="mourned") == 3,
        what="the gauge",
    )
