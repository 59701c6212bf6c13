"""Emitting: 202 only after RabbitMQ's confirm, and a problem document for everything else."""

import json
import os
import signal
import threading
import time
from uuid import uuid4

import httpx
import pytest

from broker.tests.servers import Rio, wait_until

STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def event(**attributes: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": str(uuid4()), "source": "/tests", "type": "emit.test", **attributes}


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.fixture(scope="module")
def sink_path(rio: Rio) -> str:
    return rio.subscribe("emitting", "emit.#")


def delivered(rio: Rio, path: str, event_id: str) -> dict[str, str]:
    found = wait_until(lambda: [one for one in rio.sink.to(path) if one.id == event_id], what=event_id)
    return {**found[0].headers, "body": found[0].body.decode()}


def test_structured_event_is_accepted_and_delivered_in_binary_mode(rio: Rio, sink_path: str) -> None:
    sent = event(subject="s p a c e ü", data={"n": [1, 2.5, None]}, tenant="blue", retries=3)
    answer = rio.client.post("/events", json=sent, headers=STRUCTURED)
    assert (answer.status_code, answer.json()) == (202, {"id": sent["id"]})
    got = delivered(rio, sink_path, str(sent["id"]))
    assert json.loads(got["body"]) == sent["data"]
    assert got["content-type"] == "application/json"
    assert got["ce-subject"] == "s%20p%20a%20c%20e%20%C3%BC"
    assert (got["ce-tenant"], got["ce-retries"], got["ce-specversion"]) == ("blue", "3", "1.0")
    assert got["ce-time"]


def test_binary_event_keeps_its_bytes(rio: Rio, sink_path: str) -> None:
    event_id = str(uuid4())
    headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "/tests", "ce-type": "emit.binary"}
    body = b'{"amount": 1.000, "a":1}'
    answer = rio.client.post("/events", content=body, headers={**headers, "Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    assert delivered(rio, sink_path, event_id)["body"].encode() == body


@pytest.mark.parametrize("ordered", [True, False])
def test_an_ordered_batch_holds_back_what_follows_a_refused_event_of_its_subject(
    rio: Rio, sink_path: str, ordered: bool
) -> None:
    bad = event(subject="one", notbefore="2999-01-01T00:00:00Z")
    behind, other, no_event, last = (event(subject=name) for name in ("one", "two", "three", "four"))
    no_event["type"] = "not a type"
    headers = {**BATCH, **({"Rio-Ordered": "subject"} if ordered else {})}
    batch = [bad, behind, other, no_event, last]
    answer = rio.client.post("/events", content=json.dumps(batch), headers=headers).json()
    statuses = {entry["index"]: entry["problem"]["status"] for entry in answer["refused"]}
    # What follows an element that is no event has to wait, too: its subject is not known.
    assert statuses == ({0: 400, 1: 424, 3: 400, 4: 424} if ordered else {0: 400, 3: 400})
    assert answer["accepted"] == [one["id"] for one in ([other] if ordered else [behind, other, last])]
    if ordered:
        again = rio.client.post("/events", content=json.dumps([behind, last]), headers=headers).json()
        assert again == {"accepted": [behind["id"], last["id"]], "refused": []}
    delivered(rio, sink_path, str(last["id"]))


def test_one_refused_event_of_a_batch_leaves_the_others_standing(rio: Rio, sink_path: str) -> None:
    first, second = event(), event()
    answer = rio.client.post("/events", json=[first, {"id": "x"}, second], headers=BATCH)
    assert answer.status_code == 202, answer.text
    document = answer.json()
    assert document["accepted"] == [first["id"], second["id"]]
    (refused,) = document["refused"]
    assert refused["index"] == 1
    assert refused["problem"]["status"] == 400
    delivered(rio, sink_path, str(second["id"]))


def test_trace_goes_on_through_rabbitmq(rio: Rio, sink_path: str) -> None:
    trace_id = os.urandom(16).hex()
    sent = event(traceparent=f"00-{trace_id}-{os.urandom(8).hex()}-01")
    assert rio.client.post("/events", json=sent, headers=STRUCTURED).status_code == 202
    got = delivered(rio, sink_path, str(sent["id"]))
    assert got["traceparent"].split("-")[1] == trace_id
    assert got["traceparent"] != sent["traceparent"]


def test_event_nobody_subscribes_to_is_accepted_and_counted(rio: Rio) -> None:
    before = rio.metric(rio.api_port, "rio_unrouted_total", type="nobody.cares")
    assert rio.emit("nobody.cares", str(uuid4())).status_code == 202
    assert rio.metric(rio.api_port, "rio_unrouted_total", type="nobody.cares") == before + 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", STRUCTURED, 400),
        (b"\xff\xfe", STRUCTURED, 400),
        (b"[" * 100_000, STRUCTURED, 400),
        (b'{"specversion":"1.0"}', STRUCTURED, 400),
        (json.dumps(event(specversion="0.3")).encode(), STRUCTURED, 400),
        (json.dumps(event(id="")).encode(), STRUCTURED, 400),
        (json.dumps(event(type="has space")).encode(), STRUCTURED, 400),
        (json.dumps(event(source="not a uri")).encode(), STRUCTURED, 400),
        (json.dumps(event(subject="\x00")).encode(), STRUCTURED, 400),
        (json.dumps(event(time="yesterday")).encode(), STRUCTURED, 400),
        (json.dumps(event(BadName="x")).encode(), STRUCTURED, 400),
        (json.dumps(event(nested={})).encode(), STRUCTURED, 400),
        (json.dumps(event(data="x", data_base64="eA==")).encode(), STRUCTURED, 400),
        (json.dumps(event(data_base64="?")).encode(), STRUCTURED, 400),
        (json.dumps(event())[:-1].encode() + b',"data":NaN}', STRUCTURED, 400),
        (b"{}", BATCH, 400),
        (b'[{"id":"x"}]', BATCH, 400),
        (json.dumps([event()] * 501).encode(), BATCH, 413),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b'"' + b"x" * 1_100_000 + b'"', STRUCTURED, 413),
        (
            b"{",
            {
                "ce-specversion": "1.0",
                "ce-id": "1",
                "ce-source": "/t",
                "ce-type": "t",
                "Content-Type": "application/json",
            },
            400,
        ),
        (b"{}", {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"}, 400),
    ],
)
def test_bad_input_is_a_problem(rio: Rio, content: bytes, headers: dict[str, str], status: int) -> None:
    assert_problem(rio.client.post("/events", content=content, headers=headers), status)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic dDp0", "Bearer \u00fc"])
def test_unknown_senders_are_refused(rio: Rio, authorization: str) -> None:
    headers = {**STRUCTURED, "Authorization": authorization.encode("latin-1").decode("latin-1")}
    with httpx.Client(base_url=rio.url) as stranger:
        request = stranger.build_request("POST", "/events", json=event(), headers=STRUCTURED)
        if authorization:
            request.headers.raw.append((b"Authorization", headers["Authorization"].encode("latin-1")))
        answer = stranger.send(request)
    assert_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_reads_need_a_sender_too(rio: Rio) -> None:
    for path in ("/subscriptions", "/subscriptions/x", "/dead-letters", "/dead-letters/1"):
        assert_problem(httpx.get(rio.url + path), 401)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"types": [], "sink": "/a/events"}, "#/types"),
        ({"types": "order.placed", "sink": "/a/events"}, "#/types"),
        ({"types": ["order placed"], "sink": "/a/events"}, "#/types"),
        ({"types": ["order.placed"], "sink": "https://elsewhere.example/"}, "#/sink"),
        ({"types": ["order.placed"], "sink": "//elsewhere.example/"}, "#/sink"),
        ({"types": ["order.placed"], "sink": "/a/../b"}, "#/sink"),
        ({"types": ["order.placed"], "sink": "/a", "filters": [{"exact": {}}]}, "#/filters/0/exact"),
        ({"types": ["order.placed"], "sink": "/a", "colour": "red"}, "#/colour"),
        ({"types": ["order.placed"], "sink": "/a", "id": "other"}, "#/id"),
    ],
)
def test_bad_subscriptions_are_refused_by_field(rio: Rio, document: dict[str, object], pointer: str) -> None:
    answer = rio.client.put("/subscriptions/bad", json=document)
    assert_problem(answer, 422)
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_202_waits_for_the_confirm(rio: Rio) -> None:
    """With RabbitMQ held still, nobody is answered; once it goes on, everybody is."""
    answers: list[int] = []
    callers = [
        threading.Thread(target=lambda: answers.append(rio.emit("emit.held", str(uuid4())).status_code))
        for _ in range(8)
    ]
    rio.rabbit.signal(signal.SIGSTOP)
    try:
        for caller in callers:
            caller.start()
        time.sleep(1.0)  # nothing to wait for: the point is that nothing happens
        assert answers == []
    finally:
        rio.rabbit.signal(signal.SIGCONT)
    for caller in callers:
        caller.join(15)
    assert answers == [202] * 8


def test_event_right_after_the_subscription_is_not_missed(rio: Rio) -> None:
    for number in range(5):
        path = rio.subscribe(f"prompt-{number}", f"prompt.t{number}")
        event_id = str(uuid4())
        assert rio.emit(f"prompt.t{number}", event_id).status_code == 202
        delivered(rio, path, event_id)


def test_changed_types_unbind_what_they_no_longer_name(rio: Rio) -> None:
    path = rio.subscribe("changing", "change.old")
    rio.subscribe("changing", "change.new")
    old, new = str(uuid4()), str(uuid4())
    assert rio.emit("change.old", old).status_code == 202
    assert rio.emit("change.new", new).status_code == 202
    delivered(rio, path, new)
    assert [one.id for one in rio.sink.to(path)] == [new]


def test_subscription_is_put_read_listed_and_deleted(rio: Rio) -> None:
    document = {"types": ["a.b", "c.*"], "sink": "/life/events", "source": None, "filters": []}
    address = "/subscriptions/life"
    assert rio.client.put(address, json=document).status_code == 201
    assert rio.client.put(address, json=document).status_code == 200
    shown = rio.client.get(address).json()
    assert {"id": "life", **document}.items() <= shown.items()
    assert "life" in [one["id"] for one in rio.client.get("/subscriptions").json()["items"]]
    assert rio.client.delete(address).status_code == 204
    assert_problem(rio.client.get(address), 404)
    assert_problem(rio.client.delete(address), 404)


def test_unknown_paths_and_methods_are_problems(rio: Rio) -> None:
    assert_problem(rio.client.get("/nothing"), 404)
    assert_problem(rio.client.get("/events"), 405)
    assert_problem(rio.client.get("/dead-letters/99999999999999999999"), 404)
    assert_problem(rio.client.get("/dead-letters?limit=x"), 400)
    assert_problem(rio.client.get("/dead-letters?subscription=%00"), 400)
