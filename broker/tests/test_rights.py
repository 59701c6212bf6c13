"""Rights of senders to emit, read and have posted, and that none passes for another."""

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


def test_a_senders_right_is_looked_at_before_what_it_sends(rio: Rio, sender: Make) -> None:
    for client, status in ((httpx.Client(base_url=rio.url), 401), (sender("joe"), 403), (rio.client, 415)):
        assert_refused(client.post("/replays", content=b"{"), status)


@pytest.mark.parametrize(
    ("rights", "pointer"),
    [
        ({"types": ["a..b"]}, "#/types/0"),
        ({"types": [], "reads": ["a", ""]}, "#/reads/1"),
        ({"types": [""] * 100_000}, "#/types"),
        ({"types": [], "egress": [""] * 100_000}, "#/egress"),
        ({"types": [], **{f"unknown-{number}": 1 for number in range(50_000)}}, "#/"),
    ],
    ids=["types", "reads", "many types", "many hosts", "many members"],
)
def test_what_is_wrong_with_rights_is_pointed_at(rio: Rio, rights: dict[str, object], pointer: str) -> None:
    assert_refused(rio.client.put("/senders/wrong", json=rights), 422, pointer)


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


@pytest.fixture
def viewer(rio: Rio) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer t-viewer"}
    with httpx.Client(base_url=rio.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def something(rio: Rio) -> Iterator[dict[str, str]]:
    """One of everything there is to see, by the name that its address has in Rio's description."""
    path = rio.subscribe("seen", "seen.test")
    rio.sink.answer = lambda delivered: 422 if delivered.path == path else 204
    assert rio.client.put("/schemas/seen.test", json={"type": "object"}).is_success
    assert rio.client.put("/senders/seen-sender", json={"types": ["seen.test"]}).is_success
    assert rio.emit("seen.test", str(uuid4())).status_code == 202
    order = {"subscription": "seen", "from": "2000-01-01T00:00:00Z", "types": ["seen.none"]}
    replay = rio.client.post("/replays", json=order).json()

    def first(address: str) -> str:
        (newest, *_) = rio.client.get(address, params={"subscription": "seen"}).json()["items"] or [None]
        assert newest is not None
        return str(newest["id"])

    yield {
        "subscription_id": "seen",
        "type_": "seen.test",
        "name": "seen-sender",
        "replay_id": str(replay["id"]),
        "letter_id": wait_until(lambda: first("/dead-letters"), what="the dead letter"),
        "delivery_id": wait_until(lambda: first("/deliveries"), what="the delivery"),
        "scheduled_id": "1",
        "project": "seen",
        "action": "test",
    }
    rio.sink.answer = lambda _delivered: 204
    for address in ("/senders/seen-sender", "/schemas/seen.test", "/subscriptions/seen"):
        assert rio.client.delete(address).status_code == 204


def test_a_viewer_sees_everything_and_changes_nothing(
    rio: Rio, viewer: httpx.Client, something: dict[str, str]
) -> None:
    secret = "/subscriptions/{subscription_id}/secret"
    paths = rio.client.get("/openapi.json").json()["paths"]
    assert len(paths) > 20
    for path, operations in paths.items():
        address = path.format_map(something)
        for method in operations:
            if method != "get":
                assert_refused(viewer.request(method.upper(), address), 403)
                assert viewer.request(method.upper(), address).json()["title"] == "Read only"
            elif path == secret:
                assert_refused(viewer.get(address), 403)
            elif path != "/tail":
                assert viewer.head(address).status_code == 200
                wait_until(lambda at=address: _same(viewer, rio.client, at), what=f"the operator's {address}")


def _same(viewer: httpx.Client, operator: httpx.Client, address: str) -> bool:
    """Whether both see something at an address, and the same; what they see may go on changing."""
    seen = viewer.get(address)
    assert seen.status_code == 200, seen.text
    assert seen.json()
    return seen.json() == operator.get(address).json()


def test_a_viewer_owns_no_subscription_that_is_called_like_it(
    rio: Rio, viewer: httpx.Client, outside: Outside
) -> None:
    put = {"types": ["seen.named"], "sink": f"{outside.url}/hook?key=of-the-sink"}
    assert rio.client.put("/subscriptions/viewer-hook", json=put).status_code == 201
    assert_refused(viewer.get("/subscriptions/viewer-hook/secret"), 403)
    assert "of-the-sink" not in viewer.get("/subscriptions/viewer-hook").text
    assert rio.client.get("/subscriptions/viewer-hook/secret").status_code == 200
    assert rio.client.delete("/subscriptions/viewer-hook").status_code == 204


def test_a_viewer_emits_nothing(rio: Rio, viewer: httpx.Client) -> None:
    path = rio.subscribe("unseen", "unseen.#")
    one = event("unseen.a", "/viewer")
    for headers in ({}, {"Rio-On-Behalf-Of": "shop"}):
        assert_refused(viewer.post("/events", json=one, headers=STRUCTURED | headers), 403)
        assert_refused(viewer.post("/events", json=[one], headers=BATCH | headers), 403)
        assert_refused(viewer.post("/event/unseen/emit/a", json={}, headers=headers), 403)
    last = str(uuid4())
    assert rio.emit("unseen.last", last).status_code == 202
    wait_until(lambda: rio.sink.to(path), what="the operator's event")
    assert [delivered.id for delivered in rio.sink.to(path)] == [last]


def test_a_viewer_watches_every_type(rio: Rio, viewer: httpx.Client) -> None:
    with viewer.stream("GET", "/tail") as answer:
        lines = (json.loads(line) for line in answer.iter_lines())
        assert "heartbeat" in next(lines)
        event_id = str(uuid4())
        assert rio.emit("watched.test", event_id).status_code == 202
        shown = next(line["event"] for line in lines if line.get("event", {}).get("id") == event_id)
        assert shown["data"] == {"id": event_id}


def test_a_viewer_sees_no_secret(rio: Rio, viewer: httpx.Client, outside: Outside) -> None:
    put = {"types": ["discreet.test"], "sink": f"{outside.url}/in?token=hidden"}
    assert rio.client.put("/subscriptions/discreet", json=put).is_success
    for address in ("/subscriptions/discreet", "/subscriptions", "/topology"):
        assert "hidden" not in viewer.get(address).text
    assert viewer.get("/subscriptions/discreet").json()["sink"] == f"{outside.url}/in?..."
    assert rio.client.delete("/subscriptions/discreet").status_code == 204


def test_a_viewer_is_made_by_an_operator_and_has_no_other_right(rio: Rio, sender: Make) -> None:
    auditor = sender("auditor", viewer=True)
    assert auditor.get("/dead-letters").status_code == 200
    assert auditor.get("/senders/auditor").json()["viewer"] is True
    assert_refused(auditor.put("/senders/auditor", json={"types": ["#"], "admin": True}), 403)
    for right in ({"types": ["a"]}, {"types": [], "reads": ["a"]}, {"types": [], "admin": True}):
        refused = rio.client.put("/senders/auditor", json={"viewer": True, **right})
        assert_refused(refused, 422, "#/")
    assert rio.client.put("/senders/auditor", json={"types": []}).is_success
    assert_refused(auditor.get("/dead-letters"), 403)
