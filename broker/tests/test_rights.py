"""What a sender may emit, read and have posted, and that it cannot pass for another."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import httpx
import pytest

from broker.tests.outside import Outside
from broker.tests.servers import Rio, wait_until

STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
Make = Callable[..., httpx.Client]


def event(type_: str, source: str, **attributes: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": str(uuid4()), "source": source, "type": type_, **attributes}


def assert_refused(answer: httpx.Response, status: int, *pointers: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    if pointers:
        assert [error["pointer"] for error in answer.json()["errors"]] == list(pointers)


@pytest.fixture
def sender(rio: Rio) -> Iterator[Make]:
    """Makes a sender with rights, and a client with its token."""
    with ExitStack() as stack:

        def make(name: str, **rights: object) -> httpx.Client:
            answer = rio.client.put(f"/senders/{name}", json={"types": [], **rights, "renew": True})
            assert answer.is_success, answer.text
            stack.callback(rio.client.delete, f"/senders/{name}")
            auth = (name, answer.json()["token"])
            return stack.enter_context(httpx.Client(base_url=rio.url, auth=auth, timeout=15))

        yield make


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.stop()


def test_a_token_without_an_entry_in_the_catalog_may_do_nothing(rio: Rio) -> None:
    headers = {"Authorization": "Bearer t-stranger"}
    assert_refused(httpx.post(f"{rio.url}/event/a/emit/b", headers=headers), 401)
    for address in ("/subscriptions", "/schemas", "/topology", "/tail"):
        assert_refused(httpx.get(f"{rio.url}{address}", headers=headers), 401)


def test_a_sender_subscribes_to_what_it_may_read_and_to_its_own_path(rio: Rio, sender: Make) -> None:
    spy = sender("spy", types=["spy.*"], reads=["news.*"])
    put = {"types": ["news.*"], "sink": "/spy/events"}
    assert_refused(spy.put("/subscriptions/spy-all", json={**put, "types": ["#"]}), 403, "#/types")
    assert_refused(spy.put("/subscriptions/spy-all", json={**put, "types": ["news.#"]}), 403, "#/types")
    assert_refused(spy.put("/subscriptions/spy-all", json={**put, "sink": "/accounts"}), 403, "#/sink")
    assert_refused(spy.put("/subscriptions/spy-all", json={**put, "sink": "/spy"}), 403, "#/sink")
    outside = {**put, "sink": "https://example.org/"}
    assert_refused(spy.put("/subscriptions/spy-all", json=outside), 403, "#/sink")
    assert_refused(rio.client.get("/subscriptions/spy-all"), 404)
    assert spy.put("/subscriptions/spy-news", json=put).status_code == 201
    event_id = str(uuid4())
    assert rio.emit("news.today", event_id).status_code == 202
    wait_until(lambda: [one.id for one in rio.sink.to("/spy/events")] == [event_id], what="the news")


def test_a_sender_has_events_posted_to_hosts_that_it_may_post_to(
    rio: Rio, sender: Make, outside: Outside
) -> None:
    partner = sender("partner", reads=["news.*"], egress=["127.0.0.1"])
    put = {"types": ["news.*"], "sink": f"{outside.url}/partner"}
    assert partner.put("/subscriptions/partner", json=put).status_code == 201
    event_id = str(uuid4())
    assert rio.emit("news.outside", event_id).status_code == 202
    wait_until(lambda: event_id in outside.ids("/partner"), what="the news")


def test_a_sender_sees_its_own_subscriptions_alone(rio: Rio, sender: Make) -> None:
    joe, jim = sender("joe-b", reads=["#"]), sender("joe", reads=["#"])
    put = {"types": ["a.b"], "sink": "/joe-b/events"}
    assert joe.put("/subscriptions/joe-b", json=put).status_code == 201
    assert [one["id"] for one in joe.get("/subscriptions").json()["items"]] == ["joe-b"]
    assert jim.get("/subscriptions").json()["items"] == []
    for method, address in (
        ("GET", "/subscriptions/joe-b"),
        ("PUT", "/subscriptions/joe-b"),
        ("DELETE", "/subscriptions/joe-b"),
        ("POST", "/subscriptions/joe-b/pause"),
        ("GET", "/subscriptions/joe-b/secret"),
    ):
        document = {**put, "sink": "/joe/events"} if method == "PUT" else None
        assert_refused(jim.request(method, address, json=document), 403)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/topology"),
        ("GET", "/senders"),
        ("GET", "/deliveries"),
        ("GET", "/deliveries/1"),
        ("POST", "/deliveries/1/redeliver"),
        ("GET", "/dead-letters"),
        ("GET", "/dead-letters/1"),
        ("DELETE", "/dead-letters/1"),
        ("POST", "/dead-letters/1/replay"),
        ("POST", "/dead-letters/replay"),
        ("POST", "/dead-letters/discard"),
        ("GET", "/replays"),
        ("GET", "/replays/1"),
        ("POST", "/replays"),
        ("DELETE", "/replays/1"),
        ("GET", "/scheduled"),
        ("DELETE", "/scheduled/1"),
        ("PUT", "/schemas/a.b"),
        ("DELETE", "/schemas/a.b"),
    ],
)
def test_what_shows_or_touches_others_events_is_operators(
    rio: Rio, sender: Make, method: str, address: str
) -> None:
    assert_refused(sender("curious", types=["#"], reads=["#"]).request(method, address), 403)


def test_a_sender_sees_the_schemas_of_its_types_alone(rio: Rio, sender: Make) -> None:
    for type_ in ("mine.a", "read.a", "other.a"):
        assert rio.client.put(f"/schemas/{type_}", json={"type": "object"}).is_success
    joe = sender("joe", types=["mine.*"], reads=["read.*"])
    assert {one["type"] for one in joe.get("/schemas").json()["items"]} == {"mine.a", "read.a"}
    assert_refused(joe.get("/schemas/other.a"), 404)


def test_a_watcher_sees_what_it_may_read_for_as_long_as_it_may(rio: Rio, sender: Make) -> None:
    joe = sender("joe", types=["secret.*"], reads=["open.*"])
    with joe.stream("GET", "/tail") as answer:
        lines = (json.loads(line) for line in answer.iter_lines())
        assert "heartbeat" in next(lines)

        def next_type() -> object:
            return next(line["event"]["type"] for line in lines if "event" in line)

        for type_ in ("secret.a", "open.a"):
            assert rio.emit(type_, str(uuid4())).status_code == 202
        assert next_type() == "open.a"
        rio.client.put("/senders/joe", json={"types": [], "reads": ["later.*"]})
        for type_ in ("open.b", "later.a"):
            assert rio.emit(type_, str(uuid4())).status_code == 202
        assert next_type() == "later.a"


def test_a_sender_that_loses_a_right_loses_its_subscriptions_deliveries(rio: Rio, sender: Make) -> None:
    joe = sender("joe", reads=["news.*"])
    put = {"types": ["news.*"], "sink": "/joe/events"}
    assert joe.put("/subscriptions/joe", json=put).status_code == 201
    rio.client.put("/senders/joe", json={"types": [], "reads": ["other.*"]})
    shown = rio.client.get("/subscriptions/joe").json()
    assert (shown["status"], "right" in shown["reason"]) == ("paused", True)
    assert_refused(joe.post("/subscriptions/joe/resume"), 403)


def test_a_sender_emits_as_itself_alone(rio: Rio, sender: Make) -> None:
    joe = sender("joe", types=["#"], sources=["https://joe.example.org/"])
    for source in ("/shop", "/joes", "/tests"):
        refused = joe.post("/events", json=event("a.b", source), headers=STRUCTURED)
        assert_refused(refused, 403, "#/source")
    for source in ("/joe", "/joe/7", "https://joe.example.org/a"):
        assert joe.post("/events", json=event("a.b", source), headers=STRUCTURED).status_code == 202
    assert joe.post("/event/elsewhere/emit/done", json={}).status_code == 202


def test_knowing_somebodys_id_does_not_suppress_their_event(rio: Rio, sender: Make) -> None:
    path = rio.subscribe("suppressed", "suppressed.#")
    known = event("suppressed.a", "/shop")
    joe = sender("joe", types=["suppressed.*"], sources=["/shop"])
    assert joe.post("/events", json=known, headers=STRUCTURED).status_code == 202
    shop = {"Authorization": "Bearer t-shop", **STRUCTURED}
    for _ in range(2):
        sent = {**known, "data": "the right one"}
        assert httpx.post(f"{rio.url}/events", json=sent, headers=shop).status_code == 202
    wait_until(lambda: len(rio.sink.to(path)) == 2, what="both events")
    assert [one.body for one in rio.sink.to(path)].count(b'"the right one"') == 1


def relayed(
    rio: Rio, service: str | None, *events: dict[str, object], token: str = "t-relay"
) -> httpx.Response:
    headers = {**BATCH, "Authorization": f"Bearer {token}"}
    if service is not None:
        headers["Rio-On-Behalf-Of"] = service
    return httpx.post(f"{rio.url}/events", json=list(events), headers=headers)


def test_the_relay_emits_for_a_service_what_the_service_may(rio: Rio) -> None:
    with rio.catalog(senders={"stall": {"types": ["stall.*"]}}):
        mine = event("stall.sold", "/stall")
        other, forged = event("shop.sold", "/stall"), event("stall.sold", "/shop")
        answer = relayed(rio, "stall", mine, other, forged).json()
        assert answer["accepted"] == [mine["id"]]
        assert [(one["index"], one["problem"]["status"]) for one in answer["refused"]] == [(1, 403), (2, 403)]
        for service in (None, "relay", "tests", "nobody"):
            assert relayed(rio, service, mine).status_code == 403
        # Another sender may not do so, and what the relay brought is the service's own event.
        assert relayed(rio, "stall", mine, token="t-shop").status_code == 403
