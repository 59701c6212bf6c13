"""Acceptance of events: rights, deduplication, schemas, scheduling; and the live tail."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from broker.tests.servers import Rio, running, wait_until

STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def event(type_: str, **attributes: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": str(uuid4()), "source": "/tests", "type": type_, **attributes}


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.fixture
def joe(rio: Rio) -> Iterator[httpx.Client]:
    """A sender who may emit joe.* alone, known by basic authentication."""
    answer = rio.client.put("/senders/joe", json={"types": ["joe.*"]})
    assert answer.status_code == 201, answer.text
    with httpx.Client(base_url=rio.url, auth=("joe", answer.json()["token"]), timeout=15) as client:
        yield client
    assert rio.client.delete("/senders/joe").status_code == 204
    with httpx.Client(base_url=rio.url, auth=("joe", answer.json()["token"])) as client:
        assert_problem(client.post("/event/joe/emit/done"), 401)


def test_sender_may_emit_its_types_alone(rio: Rio, joe: httpx.Client) -> None:
    assert joe.post("/event/joe/emit/done", json={}).status_code == 202
    refused = joe.post("/event/other/emit/done", json={})
    assert_problem(refused, 403)
    assert refused.json()["errors"][0]["pointer"] == "#/type"
    batch = [event(type_, source="/joe") for type_ in ("joe.a", "other.a", "joe.b")]
    answer = joe.post("/events", json=batch, headers=BATCH)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == [batch[0]["id"], batch[2]["id"]]
    assert [(one["index"], one["problem"]["status"]) for one in answer.json()["refused"]] == [(1, 403)]
    for address in ("/senders", "/scheduled", "/dead-letters"):
        assert_problem(joe.get(address), 403)
    assert_problem(joe.put("/schemas/joe.a", json={}), 403)


def test_wrong_credentials_are_refused(rio: Rio, joe: httpx.Client) -> None:
    for auth in (("joe", "wrong"), ("jim", "t-tests"), ("joe", "")):
        assert_problem(httpx.post(f"{rio.url}/event/joe/emit/done", auth=auth), 401)
    for header in ("Basic !", "Basic", "Basic 4pyT", "Digest x", "bearer"):
        assert_problem(httpx.post(f"{rio.url}/events", headers={"Authorization": header}), 401)


def test_senders_are_looked_at_and_changed(rio: Rio, joe: httpx.Client) -> None:
    assert rio.client.get("/senders/joe").json() == {
        "name": "joe",
        "types": ["joe.*"],
        "reads": [],
        "egress": [],
        "sources": [],
        "rate_per_second": None,
        "admin": False,
        "viewer": False,
        "origin": "api",
    }
    changed = rio.client.put("/senders/joe", json={"types": ["jim.*"]})
    assert (changed.status_code, changed.json()["token"]) == (200, None)
    assert_problem(joe.post("/event/joe/emit/done", json={}), 403)
    assert_problem(rio.client.put("/senders/tests", json={"types": ["#"]}), 409)
    assert_problem(rio.client.put("/senders/jim", json={"types": ["not a type"]}), 422)
    assert_problem(rio.client.put("/senders/j%20m", json={"types": ["#"]}), 422)
    assert_problem(rio.client.get("/senders/nobody"), 404)
    assert {"tests", "joe"} <= {one["name"] for one in rio.client.get("/senders").json()["items"]}


def test_who_is_too_fast_is_told_when_to_come_again(rio: Rio, joe: httpx.Client) -> None:
    rio.client.put("/senders/joe", json={"types": ["joe.*"], "rate_per_second": 0.05})
    answer = joe.post(
        "/events", json=[event(type_, source="/joe") for type_ in ("joe.a", "joe.b")], headers=BATCH
    )
    assert [one["problem"]["status"] for one in answer.json()["refused"]] == [429]
    refused = joe.post("/event/joe/emit/done", json={})
    assert_problem(refused, 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 20


def test_short_form_takes_json_and_forms(rio: Rio) -> None:
    path = rio.subscribe("short", "short.#")
    key = str(uuid4())
    sent = [
        rio.client.post("/event/short/emit/json", json={"a": [1]}),
        rio.client.post("/event/short/emit/form", data={"a": ["1", "2"], "b": "ü"}),
        rio.client.post("/event/short/emit/keyed", headers={"Idempotency-Key": f'"{key}"'}),
    ]
    assert [answer.status_code for answer in sent] == [202] * 3
    assert sent[2].json() == {"id": key}
    ids = {answer.json()["id"] for answer in sent}
    wait_until(lambda: {one.id for one in rio.sink.to(path)} == ids, what="three events")
    bodies = {one.headers["ce-type"]: one.body for one in rio.sink.to(path)}
    assert json.loads(bodies["short.json"]) == {"a": [1]}
    assert json.loads(bodies["short.form"]) == {"a": ["1", "2"], "b": "ü"}
    assert bodies["short.keyed"] == b""


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"%zz&&", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"\xff=1", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"x", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"deliver-after": "soon"}, 400),
        (b"{}", {"deliver-after": "nan"}, 400),
        (b"{}", {"deliver-after": "2592001"}, 400),
        (b"{}", {"Idempotency-Key": "i" * 256}, 400),
    ],
)
def test_bad_short_forms_are_problems(rio: Rio, content: bytes, headers: dict[str, str], status: int) -> None:
    assert_problem(rio.client.post("/event/short/emit/bad", content=content, headers=headers), status)


@pytest.mark.parametrize(
    ("address", "document", "pointer"),
    [
        ("/schemas/stored.a", {"properties": {"a\0": True}}, "#/properties"),
        ("/subscriptions/stored", {"filters": [{"exact": {"id": "\0"}}]}, "#/filters/0/exact/id"),
        ("/subscriptions/stored", {"types": ["a.b"], "sink": "/a", "source": "\0"}, "#/source"),
    ],
)
def test_what_postgresql_cannot_store_is_refused(
    rio: Rio, address: str, document: dict[str, object], pointer: str
) -> None:
    refused = rio.client.put(address, json=document)
    assert_problem(refused, 400)
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert_problem(rio.client.get(address), 404)


def test_short_form_is_for_posts(rio: Rio) -> None:
    assert_problem(rio.client.get("/event/short/emit/json"), 405)
    assert_problem(rio.client.post("/event/short/emit/a..b"), 400)


def test_an_event_that_breaks_its_schema_is_refused(rio: Rio) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert rio.client.put("/schemas/checked.done", json=schema).status_code == 201
    assert rio.client.put("/schemas/checked.done", json=schema).status_code == 200
    assert rio.client.get("/schemas/checked.done").json()["schema"] == schema
    refused = rio.client.post("/event/checked/emit/done", json={"n": "x"})
    assert_problem(refused, 422)
    assert refused.json()["errors"][0]["pointer"] == "#/data/n"
    assert rio.client.post("/event/checked/emit/done", json={"n": 1}).status_code == 202
    assert_problem(rio.client.put("/schemas/checked.done", json={"type": "colour"}), 422)
    assert_problem(rio.client.put("/schemas/not%20a%20type", json={}), 422)
    assert rio.client.delete("/schemas/checked.done").status_code == 204
    assert rio.client.post("/event/checked/emit/done", json={"n": "x"}).status_code == 202
    assert_problem(rio.client.get("/schemas/checked.done"), 404)


def test_a_process_that_cannot_begin_does_once_what_hinders_it_is_gone(rio: Rio) -> None:
    """Whatever it is, and says so meanwhile."""
    process, url = rio.another_api()
    broken = """INSERT INTO schemas (type, document) VALUES ('broken.test', '{"type": 5}')"""
    rio.postgres.execute("rio", broken)

    def background() -> str:
        checks = httpx.get(f"{url}/health").json()["checks"]
        return str(checks["background"].get("detail", ""))

    try:
        with running(process):
            wait_until(lambda: "refreshing what is known failed" in background(), what="the fault")
            assert httpx.get(f"{url}/health/ready").status_code == 503
            rio.postgres.execute("rio", "DELETE FROM schemas WHERE type = 'broken.test'")
            wait_until(lambda: httpx.get(f"{url}/health/ready").status_code == 200, what="the beginning")
            wait_until(lambda: background() == "", what="its end")
    finally:
        rio.postgres.execute("rio", "DELETE FROM schemas WHERE type = 'broken.test'")


def test_a_repeated_event_is_answered_alike_and_dispatched_once(rio: Rio) -> None:
    path = rio.subscribe("repeated", "repeated.#")
    one, other = event("repeated.one"), event("repeated.other")
    answer = rio.client.post("/events", json=[one, one, other], headers=BATCH)
    assert answer.json() == {"accepted": [one["id"], one["id"], other["id"]], "refused": []}
    again = rio.client.post("/events", json=one, headers=STRUCTURED)
    assert (again.status_code, again.json()) == (202, {"id": one["id"]})
    elsewhere = {**one, "source": "/elsewhere"}
    assert rio.client.post("/events", json=elsewhere, headers=STRUCTURED).status_code == 202
    last = rio.emit("repeated.last", str(uuid4())).json()["id"]
    wait_until(lambda: last in {got.id for got in rio.sink.to(path)}, what="the last one")
    wait_until(lambda: len(rio.sink.to(path)) >= 4, what="four deliveries")
    assert sorted(got.id for got in rio.sink.to(path)) == sorted(
        [one["id"], one["id"], other["id"], last]  # twice: its source makes the second another event
    )


def test_many_at_once_at_two_processes_are_one_event(rio: Rio) -> None:
    path = rio.subscribe("concurrent", "concurrent.#")
    process, url = rio.another_api()
    sent = [event("concurrent.one") for _ in range(20)]
    with running(process):
        wait_until(lambda: httpx.get(f"{url}/health/ready").status_code == 200, what=url)
        with httpx.Client(headers={"Authorization": "Bearer t-tests", **STRUCTURED}, timeout=15) as client:

            def post(number: int) -> int:
                to = (rio.url, url)[number % 2]
                return client.post(f"{to}/events", json=sent[number // 4 % len(sent)]).status_code

            with ThreadPoolExecutor(16) as pool:
                statuses = list(pool.map(post, range(4 * len(sent))))
    assert set(statuses) == {202}
    last = rio.emit("concurrent.last", str(uuid4())).json()["id"]
    expected = sorted([*(str(one["id"]) for one in sent), last])
    wait_until(lambda: len(rio.sink.to(path)) >= len(expected), what="all deliveries")
    assert sorted(got.id for got in rio.sink.to(path)) == expected


def test_a_scheduled_event_waits_and_may_be_cancelled(rio: Rio) -> None:
    path = rio.subscribe("later", "later.#")
    far = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    cancelled = event("later.never", notbefore=far)
    assert rio.client.post("/events", json=cancelled, headers=STRUCTURED).status_code == 202
    soon = rio.client.post("/event/later/emit/soon", json={"n": 1}, headers={"deliver-after": "2"})
    assert soon.status_code == 202
    assert rio.sink.to(path) == []
    items = rio.client.get("/scheduled").json()["items"]
    (row,) = [one["id"] for one in items if one["event"]["id"] == cancelled["id"]]
    assert rio.client.delete(f"/scheduled/{row}").status_code == 204
    assert_problem(rio.client.delete(f"/scheduled/{row}"), 404)
    wait_until(lambda: [one.id for one in rio.sink.to(path)] == [soon.json()["id"]], what="the event due")

    def scheduled() -> set[str]:
        return {one["event"]["id"] for one in rio.client.get("/scheduled").json()["items"]}

    own = {cancelled["id"], soon.json()["id"]}
    wait_until(lambda: not own & scheduled(), what="nothing scheduled any more")
    too_far = (datetime.now(UTC) + timedelta(days=31)).isoformat()
    for time in (too_far, "tomorrow"):
        refused = rio.client.post("/events", json=event("later.x", notbefore=time), headers=STRUCTURED)
        assert_problem(refused, 400)


def test_a_cancelled_event_may_be_emitted_again(rio: Rio) -> None:
    path = rio.subscribe("cancelled", "cancelled.#")
    far = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    sent = event("cancelled.a")
    for attributes in ({"notbefore": far}, {}):
        answer = rio.client.post("/events", json={**sent, **attributes}, headers=STRUCTURED)
        assert answer.status_code == 202
        if attributes:
            items = rio.client.get("/scheduled").json()["items"]
            (row,) = [one["id"] for one in items if one["event"]["id"] == sent["id"]]
            assert rio.client.delete(f"/scheduled/{row}").status_code == 204
    wait_until(lambda: [one.id for one in rio.sink.to(path)] == [sent["id"]], what="the event")


def test_an_event_is_cancelled_whole_or_not_at_all(rio: Rio) -> None:
    """Cancelled and still known as accepted, it could be neither delivered nor emitted again."""
    far = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    sent = event("whole.a", notbefore=far)
    assert rio.client.post("/events", json=sent, headers=STRUCTURED).status_code == 202

    def scheduled() -> list[int]:
        items = rio.client.get("/scheduled").json()["items"]
        return [one["id"] for one in items if one["event"]["id"] == sent["id"]]

    (row,) = scheduled()
    with psycopg.connect(rio.postgres.url("rio")) as other:
        other.execute("SELECT key FROM accepted FOR UPDATE")
        assert_problem(rio.client.delete(f"/scheduled/{row}"), 503)
        assert scheduled() == [row]
    assert rio.client.delete(f"/scheduled/{row}").status_code == 204
    assert scheduled() == []
    assert rio.client.post("/events", json=sent, headers=STRUCTURED).status_code == 202
    assert len(scheduled()) == 1


def test_live_events_are_watched(rio: Rio) -> None:
    with rio.client.stream("GET", "/tail", params={"type": "watched.#"}) as answer:
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        lines = answer.iter_lines()
        assert "heartbeat" in json.loads(next(lines))
        assert rio.emit("unwatched.a", str(uuid4())).status_code == 202
        event_id = str(uuid4())
        assert rio.emit("watched.a", event_id).status_code == 202
        shown = json.loads(next(lines))
        assert (shown["event"]["id"], shown["event"]["data"]) == (event_id, {"id": event_id})
    assert_problem(rio.client.get("/tail", params={"type": "a b"}), 400)


def test_an_alarm_of_rabbitmq_asks_to_come_again(rio: Rio) -> None:
    rio.rabbit.control("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        refused = wait_until(
            lambda: (answer := rio.emit("alarm.a", str(uuid4()))).status_code == 429 and answer, 60.0, "429"
        )
        assert_problem(refused, 429)
        assert int(refused.headers["Retry-After"]) >= 1
    finally:
        rio.rabbit.control("set_vm_memory_high_watermark", "0.6")
    wait_until(lambda: rio.emit("alarm.a", str(uuid4())).status_code == 202, what="202")


def test_a_watcher_is_let_go_of_when_rio_stops(rio: Rio) -> None:
    process, url = rio.another_api()
    with running(process), httpx.Client(headers={"Authorization": "Bearer t-tests"}, timeout=30) as client:
        wait_until(lambda: httpx.get(f"{url}/health/ready").status_code == 200, what=url)
        with client.stream("GET", f"{url}/tail") as answer:
            lines = answer.iter_lines()
            next(lines)
            stopping = threading.Thread(target=process.end)
            stopping.start()
            assert all("heartbeat" in line or "event" in line for line in lines)
            stopping.join(20)
