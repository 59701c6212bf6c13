"""The catalog owns services' subscriptions: they are as its file says, and nothing else changes them."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from amqp.exceptions import NotFound

from broker.tests.servers import Rio, wait_until

QUICK = {"retry": {"budget_seconds": 1, "first_seconds": 0.1, "cap_seconds": 0.1}}


def declared(id_: str, *types: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "owner": "stall", "types": types, "sink": f"/{id_}/events", **more}


@pytest.fixture
def stall(rio: Rio) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=rio.url, headers={"Authorization": "Bearer t-stall"}, timeout=15) as client:
        yield client


def emitted(rio: Rio, type_: str) -> str:
    event_id = str(uuid4())
    assert rio.emit(type_, event_id).status_code == 202
    return event_id


def ids(rio: Rio, path: str) -> list[str]:
    return [one.id for one in rio.sink.to(path)]


def test_a_changed_catalog_reaches_subscriptions_without_a_restart(rio: Rio) -> None:
    first = declared("stall-change", "change.a", config={"timeout_seconds": 3.0})
    pid = rio.api.pid
    with rio.catalog(subscriptions=[first]):
        path = "/stall-change/events"
        one = emitted(rio, "change.a")
        wait_until(lambda: ids(rio, path) == [one], what="the first event")
        rio.client.post("/subscriptions/stall-change/pause")
        second = declared("stall-change", "change.b", filters=[{"prefix": {"source": "/tests"}}])
        with rio.catalog(subscriptions=[{**second, "sink": "/stall-moved/events"}]):
            shown = rio.client.get("/subscriptions/stall-change").json()
            assert (shown["types"], shown["sink"]) == (["change.b"], "/stall-moved/events")
            assert shown["filters"] == second["filters"]
            assert shown["config"]["timeout_seconds"] == 10  # what is left out is the default again
            assert (shown["status"], shown["owner"], shown["origin"]) == ("paused", "stall", "catalog")
            emitted(rio, "change.a")
            two = emitted(rio, "change.b")
            rio.client.post("/subscriptions/stall-change/resume")
            wait_until(lambda: ids(rio, "/stall-moved/events") == [two], what="the second event")
    assert rio.api.pid == pid


def test_a_type_of_the_catalog_is_counted_from_zero(rio: Rio) -> None:
    """What rates and increases would miss of a series that begins with its first events."""

    def accepted() -> str:
        text = httpx.get(f"http://127.0.0.1:{rio.api_port}/metrics").text
        return "\n".join(line for line in text.splitlines() if line.startswith("rio_events_accepted_total{"))

    assert not any(type_ in accepted() for type_ in ("counted.plain", "counted.held"))
    with rio.catalog(emitters={"stall": ["counted.plain"]}, schemas={"counted.held": {"type": "object"}}):
        found = accepted()
    assert 'rio_events_accepted_total{type="counted.plain"} 0.0' in found
    assert 'rio_events_accepted_total{type="counted.held"} 0.0' in found


def test_a_catalog_that_is_read_again_resets_no_count(rio: Rio) -> None:
    def accepted() -> float:
        return rio.metric(rio.api_port, "rio_events_accepted_total", type="counted.once")

    emitted(rio, "counted.once")
    assert accepted() == 1
    with rio.catalog(emitters={"stall": ["counted.once"]}):
        assert accepted() == 1


def test_what_waits_for_a_subscription_that_left_the_catalog_is_delivered_and_then_it_goes(rio: Rio) -> None:
    with rio.catalog(subscriptions=[declared("stall-gone", "gone.#", config=QUICK)]):
        rio.client.post("/subscriptions/stall-gone/pause")
        waiting = [emitted(rio, "gone.a") for _ in range(5)]
    shown = rio.client.get("/subscriptions/stall-gone").json()
    assert (shown["types"], shown["origin"]) == ([], "catalog")
    assert shown["retired_at"]
    emitted(rio, "gone.late")
    rio.client.post("/subscriptions/stall-gone/resume")
    wait_until(lambda: sorted(ids(rio, "/stall-gone/events")) == sorted(waiting), what="what waited")
    gone = "/subscriptions/stall-gone"
    wait_until(lambda: rio.client.get(gone).status_code == 404, what="the subscription's end")
    assert sorted(ids(rio, "/stall-gone/events")) == sorted(waiting)

    def has_no_queue() -> bool:
        try:
            rio.rabbit.queue_length("rio.subscription.stall-gone")
        except NotFound:
            return True
        return False

    wait_until(has_no_queue, what="its queue's end")


def test_a_retired_subscription_comes_back_with_the_catalog(rio: Rio) -> None:
    catalog = [declared("stall-back", "back.a")]
    with rio.catalog(subscriptions=catalog):
        pass
    with rio.catalog(subscriptions=catalog):
        one = emitted(rio, "back.a")
        wait_until(lambda: ids(rio, "/stall-back/events") == [one], what="the event")
        assert rio.client.get("/subscriptions/stall-back").json()["retired_at"] is None


def test_no_event_is_lost_while_a_service_moves_from_one_subscription_to_another(rio: Rio) -> None:
    old = declared("stall-old", "moving.a", sink="/stall-moving/events", config={**QUICK, "ordered": True})
    with rio.catalog(subscriptions=[old]):
        sent = [emitted(rio, "moving.a") for _ in range(5)]
        with rio.catalog(subscriptions=[declared("stall-new", "moving.a", sink="/stall-moving/events")]):
            sent += [emitted(rio, "moving.a") for _ in range(5)]
            wait_until(lambda: set(ids(rio, "/stall-moving/events")) == set(sent), what="every event")


def test_the_catalog_alone_changes_its_subscriptions(rio: Rio, stall: httpx.Client) -> None:
    tokens = rio.folder / "senders.json"
    before = tokens.read_text()
    entries = {"stall": {"reads": ["#"]}}
    with rio.catalog(subscriptions=[declared("stall", "own.a")], senders=entries):
        tokens.write_text(before[:-1] + ', "stall": "t-stall"}')
        try:
            address = "/subscriptions/stall"
            wait_until(lambda: stall.get(address).status_code == 200, what="the service's token")
            for client in (rio.client, stall):
                refused = client.put(address, json={"types": ["own.#"], "sink": "/stall/other"})
                assert refused.status_code == 409, refused.text
                assert "services/stall/service.yaml" in refused.json()["detail"]
                assert client.delete(address).status_code == 409
            shown = rio.client.get(address).json()
            assert (shown["types"], shown["sink"]) == (["own.a"], "/stall/events")
            for action in ("pause", "resume", "secret/rotate"):
                assert stall.post(f"{address}/{action}").status_code == 403
                assert rio.client.post(f"{address}/{action}").status_code == 200
            assert stall.get(f"{address}/secret").status_code == 200
        finally:
            tokens.write_text(before)


def test_rights_and_schemas_follow_the_catalog(rio: Rio) -> None:
    headers = {"Authorization": "Bearer t-shop"}
    shop = {"types": ["follow.*"]}
    with rio.catalog(senders={"shop": shop}, schemas={"follow.a": {"type": "object"}}):
        emit = f"{rio.url}/event/follow/emit/a"
        assert httpx.post(emit, headers=headers, json=[]).status_code == 422
        assert httpx.post(emit, headers=headers, json={}).status_code == 202
        assert httpx.post(f"{rio.url}/event/other/emit/a", headers=headers, json={}).status_code == 403
    assert httpx.post(f"{rio.url}/event/other/emit/a", headers=headers, json={}).status_code == 202


def test_a_catalog_that_cannot_be_used_changes_nothing_and_is_told(rio: Rio) -> None:
    def check() -> dict[str, Any]:
        return httpx.get(f"{rio.url}/health").json()["checks"]["catalog"]

    path = rio.folder / "catalog.json"
    with rio.catalog(subscriptions=[declared("stall-kept", "kept.a")]):
        before = path.read_text()
        path.write_text('{"subscriptions": [{"id": "not an id"}]}')
        told = wait_until(lambda: (found := check())["status"] == "warn" and found, what="the warning")
        assert "catalog.json" in told["detail"]
        one = emitted(rio, "kept.a")
        wait_until(lambda: ids(rio, "/stall-kept/events") == [one], what="the event")
        path.write_text(before)
        wait_until(lambda: check()["status"] == "pass", what="the recovery")
