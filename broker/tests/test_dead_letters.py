"""Dead letters: found, looked at, sent again and discarded, one or many, none lost on the way."""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from broker.tests.servers import Rio, wait_until


@pytest.fixture(autouse=True)
def _sink_takes_everything_again(rio: Rio) -> object:
    yield
    rio.sink.answer = lambda _delivered: 204


def letters(rio: Rio, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    while True:
        answer = rio.client.get("/dead-letters", params=query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if (cursor := answer.json()["next"]) is None:
            return found
        query["cursor"] = cursor


def make_dead_letters(rio: Rio, subscription: str, count: int) -> list[str]:
    """Have the subscription refuse so many new events for good; their ids, in no order."""
    sent = [str(uuid4()) for _ in range(count)]
    for event_id in sent:
        assert rio.emit(f"{subscription}.test", event_id).status_code == 202
    wait_until(
        lambda: {one["event"]["id"] for one in letters(rio, subscription=subscription)} >= set(sent),
        what="the dead letters",
    )
    return sent


def many(rio: Rio, action: str, **selection: Any) -> dict[str, Any]:
    """Replay or discard, asked again until all were looked at; the sums."""
    done, kept = 0, []
    while True:
        answer = rio.client.post(f"/dead-letters/{action}", json=selection)
        assert answer.status_code == 200, answer.text
        progress = answer.json()
        done, kept = done + progress["done"], kept + progress["kept"]
        if progress["next"] is None:
            return {"done": done, "kept": kept}
        selection["cursor"] = progress["next"]


def test_letters_are_listed_by_page_and_filter(rio: Rio) -> None:
    rio.subscribe("filed", "filed.test", "filed.other")
    rio.sink.answer = lambda _delivered: 400
    sent = make_dead_letters(rio, "filed", 5)
    middle = datetime.now(UTC).isoformat()
    other = str(uuid4())
    rio.emit("filed.other", other)
    wait_until(lambda: len(letters(rio, subscription="filed")) == 6, what="the sixth")
    paged = letters(rio, subscription="filed", limit=2)
    assert [one["id"] for one in paged] == sorted((one["id"] for one in paged), reverse=True)
    assert {one["event"]["id"] for one in paged} == {*sent, other}
    assert [one["event"]["id"] for one in letters(rio, type="filed.other")] == [other]
    assert {one["event"]["id"] for one in letters(rio, subscription="filed", until=middle)} == set(sent)
    assert [one["event"]["id"] for one in letters(rio, subscription="filed", since=middle)] == [other]


def test_every_attempt_stands_in_a_letter(rio: Rio) -> None:
    rio.subscribe("told", "told.test")
    statuses = iter([503, 500])
    rio.sink.answer = lambda _delivered: next(statuses, 400)
    make_dead_letters(rio, "told", 1)
    (listed,) = letters(rio, subscription="told")
    letter = rio.client.get(f"/dead-letters/{listed['id']}").json()
    assert [attempt["status"] for attempt in letter["history"]] == [503, 500, 400]
    assert letter["attempts"] == 3
    assert all(attempt["trace_id"] and attempt["seconds"] >= 0 for attempt in letter["history"])
    assert [attempt["at"] for attempt in letter["history"]] == sorted(
        attempt["at"] for attempt in letter["history"]
    )


def test_many_are_replayed_after_the_fix_each_once(rio: Rio) -> None:
    path = rio.subscribe("fixed", "fixed.test")
    rio.sink.answer = lambda _delivered: 400
    sent = make_dead_letters(rio, "fixed", 120)
    assert len(rio.sink.to(path)) == 120
    rio.sink.answer = lambda _delivered: 204
    assert many(rio, "replay", filter={"subscription": "fixed"}) == {"done": 120, "kept": []}
    assert letters(rio, subscription="fixed") == []
    wait_until(lambda: len(rio.sink.to(path)) == 240, what="the replays")
    assert sorted(one.id for one in rio.sink.to(path)[120:]) == sorted(sent)


def test_those_that_die_again_are_not_taken_again(rio: Rio) -> None:
    path = rio.subscribe("hopeless", "hopeless.test")
    rio.sink.answer = lambda _delivered: 400
    sent = make_dead_letters(rio, "hopeless", 60)
    assert many(rio, "replay", filter={"subscription": "hopeless"}) == {"done": 60, "kept": []}
    wait_until(lambda: len(letters(rio, subscription="hopeless")) == 60, what="their return")
    assert len(rio.sink.to(path)) == 120
    assert {one["event"]["id"] for one in letters(rio, subscription="hopeless")} == set(sent)


def test_an_ordered_subscription_gets_its_dead_letters_again_in_their_order(rio: Rio) -> None:
    """Over two batches of a request, and over the requests of a longer one."""
    sink = "/in-order/events"
    document = {"types": ["in-order.test"], "sink": sink, "config": {"ordered": True}}
    rio.client.put("/subscriptions/in-order", json=document)
    rio.sink.answer = lambda _delivered: 400
    sent = [str(uuid4()) for _ in range(60)]
    for event_id in sent:
        assert rio.emit("in-order.test", event_id, subject="one").status_code == 202
    wait_until(lambda: rio.dead("in-order") == set(sent), what="the dead letters")
    rio.sink.answer = lambda _delivered: 204
    assert many(rio, "replay", filter={"subscription": "in-order"}) == {"done": 60, "kept": []}
    wait_until(lambda: len(rio.sink.to(sink)) == 120, what="the replays")
    assert [one.id for one in rio.sink.to(sink)[60:]] == sent


def test_a_long_replay_goes_on_from_its_cursor_in_order(rio: Rio) -> None:
    rio.subscribe("gone-long", "gone-long.test")
    rio.client.delete("/subscriptions/gone-long")
    rio.postgres.execute(
        "rio",
        """
        INSERT INTO dead_letters (subscription, event_source, event_id, attributes, body, trace, reason,
            response, attempts, accepted_at, died_at)
        SELECT 'gone-long', '/x', n::text, '{"type": "gone-long.test"}', '', '{}', 'r', '', 1, now(),
            now() - (n % 100) * interval '1 minute'
        FROM generate_series(1, 1100) AS n
        """,
    )
    died = rio.postgres.execute(
        "rio", "SELECT id FROM dead_letters WHERE subscription = 'gone-long' ORDER BY died_at, id"
    )
    told = many(rio, "replay", filter={"subscription": "gone-long"})
    assert (told["done"], [one["id"] for one in told["kept"]]) == (0, [number for (number,) in died])
    paged = letters(rio, subscription="gone-long", limit=300)
    assert [one["id"] for one in paged] == [number for (number,) in reversed(died)]
    assert many(rio, "discard", filter={"subscription": "gone-long"})["done"] == 1100


def test_a_replay_is_linked_to_the_first_trace_and_not_part_of_it(rio: Rio) -> None:
    path = rio.subscribe("linked", "linked.test")
    rio.sink.answer = lambda _delivered: 400
    trace_id, event_id = os.urandom(16).hex(), str(uuid4())
    rio.emit("linked.test", event_id, traceparent=f"00-{trace_id}-{os.urandom(8).hex()}-01")
    (letter,) = wait_until(lambda: letters(rio, subscription="linked"), what="the dead letter")
    assert letter["history"][0]["trace_id"] == trace_id
    rio.sink.answer = lambda _delivered: 204
    assert rio.client.post(f"/dead-letters/{letter['id']}/replay").status_code == 202

    def linked(name: str) -> list[str]:
        return [one.trace_id for one in rio.collector.spans if one.name == name and trace_id in one.links]

    wait_until(lambda: linked("process linked.test"), what="the delivery's span")
    wait_until(lambda: linked("publish linked.test"), what="the replay's span")
    assert trace_id not in [*linked("process linked.test"), *linked("publish linked.test")]
    assert [one.id for one in rio.sink.to(path)] == [event_id] * 2

    def told() -> list[dict[str, Any]]:
        records = rio.api.records()
        return [one for one in records if one.get("state") == "replayed" and one.get("event_id") == event_id]

    (replayed,) = wait_until(told, what="the replay's line")
    assert (replayed["subscription"], replayed["origin"]) == ("linked", "dead-letter")
    assert replayed["trace_id"] in linked("publish linked.test")


def test_some_are_replayed_and_some_discarded_by_id(rio: Rio) -> None:
    path = rio.subscribe("picked", "picked.test")
    rio.sink.answer = lambda _delivered: 400
    make_dead_letters(rio, "picked", 3)
    first, second, third = letters(rio, subscription="picked")
    rio.sink.answer = lambda _delivered: 204
    before = len(rio.sink.to(path))
    assert many(rio, "replay", ids=[first["id"]])["done"] == 1
    assert many(rio, "discard", ids=[second["id"], 2**62])["done"] == 1
    wait_until(lambda: len(rio.sink.to(path)) == before + 1, what="the replay")
    assert rio.sink.to(path)[-1].id == first["event"]["id"]
    assert [one["id"] for one in letters(rio, subscription="picked")] == [third["id"]]


def test_letters_of_a_gone_subscription_are_kept_with_the_reason(rio: Rio) -> None:
    rio.subscribe("leaving", "leaving.test")
    rio.sink.answer = lambda _delivered: 400
    make_dead_letters(rio, "leaving", 2)
    assert rio.client.delete("/subscriptions/leaving").status_code == 204
    told = many(rio, "replay", filter={"subscription": "leaving"})
    assert told["done"] == 0
    assert {one["reason"] for one in told["kept"]} == {"subscription gone"}
    assert len(letters(rio, subscription="leaving")) == 2


@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"ids": []},
        {"ids": [0]},
        {"ids": [1], "filter": {}},
        {"filter": {"subscription": "no/id"}},
        {"filter": {"since": "yesterday"}},
        {"filter": {"nobody": 1}},
        {"filter": {}, "cursor": "7"},
    ],
)
def test_unclear_selections_are_refused(rio: Rio, selection: dict[str, Any]) -> None:
    for action in ("replay", "discard"):
        answer = rio.client.post(f"/dead-letters/{action}", json=selection)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=-1",
        "cursor=7",
        "since=1",
        "since=2020-01-01T00:00:00",
        "x=1",
    ],
)
def test_malformed_queries_are_refused(rio: Rio, query: str) -> None:
    answer = rio.client.get(f"/dead-letters?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
