"""Past events from the event log, sent again to one subscription alone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from broker.rio.store.database import Database
from broker.rio.store.replays import MAX_RUNNING, Order, Replays, State, TooManyReplays
from broker.tests.servers import Delivered, Postgres, Rio, wait_until


def now() -> str:
    return datetime.now(UTC).isoformat()


def emit(rio: Rio, type_: str, count: int) -> list[str]:
    sent = [str(uuid4()) for _ in range(count)]
    batch = [
        {"specversion": "1.0", "id": one, "source": "/tests", "type": type_, "subject": "s", "data": {}}
        for one in sent
    ]
    for start in range(0, count, 500):
        answer = rio.client.post(
            "/events",
            json=batch[start : start + 500],
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        assert answer.status_code == 202, answer.text
    return sent


def order(rio: Rio, **document: Any) -> dict[str, Any]:
    answer = rio.client.post("/replays", json=document)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/replays/{answer.json()['id']}"
    return answer.json()


def ended(rio: Rio, replay: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = rio.client.get(f"/replays/{replay['id']}").json()
        return found if found["finished_at"] else None

    return wait_until(look, seconds, "the end of the replay")


def test_a_new_subscription_gets_what_passed_before_it_and_nobody_else(rio: Rio) -> None:
    old = rio.subscribe("historian", "history.*")
    start = now()
    sent = emit(rio, "history.made", 150)
    emit(rio, "history.other", 5)
    wait_until(lambda: len(rio.sink.to(old)) == 155, what="the first deliveries")
    new = rio.subscribe("latecomer", "history.made")
    replay = ended(rio, order(rio, subscription="latecomer", **{"from": start}))
    assert (replay["state"], replay["replayed"], replay["reason"]) == ("done", 150, None)
    wait_until(lambda: len(rio.sink.to(new)) == 150, what="the replayed events")
    assert sorted(one.id for one in rio.sink.to(new)) == sorted(sent)
    assert {(one.headers["ce-source"], one.headers["ce-subject"]) for one in rio.sink.to(new)} == {
        ("/tests", "s")
    }
    assert len(rio.sink.to(old)) == 155
    listed = rio.client.get("/replays").json()["items"]
    assert replay["id"] in [one["id"] for one in listed]


def test_only_the_types_and_the_time_asked_for_are_replayed(rio: Rio) -> None:
    path = rio.subscribe("chooser", "choice.#")
    emit(rio, "choice.a", 3)
    start = now()
    wanted = emit(rio, "choice.a", 4)
    emit(rio, "choice.b", 4)
    end = now()
    emit(rio, "choice.a", 3)
    wait_until(lambda: len(rio.sink.to(path)) == 14, what="the first deliveries")
    replay = order(rio, subscription="chooser", types=["*.a"], **{"from": start, "to": end})
    assert ended(rio, replay)["replayed"] == 4
    wait_until(lambda: len(rio.sink.to(path)) == 18, what="the replayed events")
    assert sorted(one.id for one in rio.sink.to(path)[14:]) == sorted(wanted)


def test_a_replay_survives_the_death_of_its_process(rio: Rio) -> None:
    rio.subscribe("persistent", "persist.test")
    start = now()
    sent = emit(rio, "persist.test", 6000)
    path = rio.subscribe("survivor", "persist.test")
    replay = order(rio, subscription="survivor", **{"from": start})
    wait_until(
        lambda: rio.postgres.execute(
            "rio", "SELECT 1 FROM replays WHERE id = %s AND runs = 1", (replay["id"],)
        ),
        what="the replay's beginning",
    )
    rio.api.kill()
    rio.api.start()
    rio.wait_ready()
    found = ended(rio, replay)
    assert found["state"] == "done"
    wait_until(lambda: {one.id for one in rio.sink.to(path)} >= set(sent), what="all events")


def test_replays_that_cannot_be_are_refused(rio: Rio) -> None:
    rio.subscribe("refusing", "refuse.test")
    for document, pointer in (
        ({"subscription": "nobody", "from": now()}, "#/subscription"),
        ({"subscription": "refusing"}, "#/from"),
        ({"subscription": "refusing", "from": "now"}, "#/from"),
        ({"subscription": "refusing", "from": now(), "types": []}, "#/types"),
        ({"subscription": "refusing", "from": now(), "types": ["a..b"]}, "#/types/0"),
        ({"subscription": "refusing", "from": now(), "to": "2020-01-01T00:00:00Z"}, "#/"),
        ({"subscription": "refusing", "from": "0001-01-01T00:00:00+14:00"}, "#/from"),
    ):
        answer = rio.client.post("/replays", json=document)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert rio.client.get("/replays/999999999").status_code == 404
    assert rio.client.delete("/replays/999999999").status_code == 404


def test_a_replay_to_a_queue_that_went_fails_and_says_so(rio: Rio) -> None:
    rio.subscribe("vanishing", "vanish.test")
    start = now()
    emit(rio, "vanish.test", 3)
    with psycopg.connect(rio.postgres.url("rio")) as connection:
        # Held back until the subscription is gone.
        connection.execute("LOCK TABLE replays IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(
            "INSERT INTO replays (subscription, types, since, until) VALUES ('vanishing', '{#}', %s, now())",
            [start],
        )
        assert rio.client.delete("/subscriptions/vanishing").status_code == 204
    (newest, *_) = rio.client.get("/replays").json()["items"]
    found = ended(rio, newest)
    assert (found["state"], found["reason"]) == ("failed", "the subscription is gone")


@pytest.fixture
async def replays(postgres: Postgres) -> Any:
    name = f"replays_{uuid4().hex[:8]}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    database = Database(postgres.url(name))
    await database.open()
    await database.migrate()
    yield Replays(database)
    await database.close()


def some() -> Order:
    until = datetime.now(UTC)
    return Order("somebody", ("a.*",), until - timedelta(hours=1), until)


async def test_one_process_alone_works_on_a_replay_until_its_lease_lapses(replays: Replays) -> None:
    ordered = await replays.create(some())
    first = await replays.claim()
    assert first is not None
    assert first.id == ordered.id
    assert await replays.claim() is None
    assert await replays.advance(first, 10, 10, 5)
    await replays.release(first)
    second = await replays.claim()
    assert second is not None
    assert (second.position, second.read, second.replayed, second.run) == (10, 10, 5, 2)
    # The first one is late: it must not write any more.
    assert not await replays.advance(first, 11, 11, 6)
    await replays.finish(first, "too late")
    await replays.finish(second, None)
    found = await replays.get(ordered.id)
    assert found is not None
    assert (found.state, found.reason, found.replayed) == (State.DONE, None, 5)


async def test_a_cancelled_replay_stops(replays: Replays) -> None:
    ordered = await replays.create(some())
    claimed = await replays.claim()
    assert claimed is not None
    assert await replays.cancel(ordered.id)
    assert not await replays.advance(claimed, 1, 1, 1)
    assert await replays.claim() is None
    assert [one.state for one in await replays.newest(None, 10)] == [State.CANCELLED]
    assert not await replays.cancel(ordered.id + 1)


async def test_replays_are_bounded(replays: Replays) -> None:
    for _ in range(MAX_RUNNING):
        await replays.create(some())
    with pytest.raises(TooManyReplays):
        await replays.create(some())
    assert (await replays.create(some(), bounded=False)).state is State.RUNNING


def test_a_replayed_event_is_another_delivery_at_each_path_and_a_retry_is_not(rio: Rio) -> None:
    paths = [rio.subscribe("replayed-one", "replayed.a"), rio.subscribe("replayed-two", "replayed.a")]
    failed: set[str] = set()

    def fail_once(delivered: Delivered) -> int:
        first = delivered.path in paths and delivered.headers["webhook-id"] not in failed
        failed.add(delivered.headers["webhook-id"])
        return 503 if first else 204

    rio.sink.answer = fail_once
    try:
        start = now()
        emit(rio, "replayed.a", 1)
        wait_until(lambda: all(len(rio.sink.to(path)) == 2 for path in paths), what="the second attempts")
        replays = [ended(rio, order(rio, subscription="replayed-one", **{"from": start})) for _ in range(2)]
        wait_until(lambda: len(rio.sink.to(paths[0])) == 6, what="the replayed events")
    finally:
        rio.sink.answer = lambda _: 204
    one, two = (rio.sink.to(path) for path in paths)
    attempts = Counter(each.headers["webhook-id"] for each in [*one, *two])
    assert sorted(attempts.values()) == [2, 2, 2, 2]
    numbers = {each.headers.get("rio-replay") for each in one}
    assert numbers == {None, *(str(replay["id"]) for replay in replays)}
    assert {each.headers.get("rio-replay") for each in two} == {None}


def test_a_dead_letter_is_the_delivery_it_was(rio: Rio) -> None:
    path = rio.subscribe("letter-again", "letter.again")
    rio.sink.answer = lambda delivered: 422 if delivered.path == path else 204
    try:
        start = now()
        emit(rio, "letter.again", 1)
        wait_until(lambda: rio.dead("letter-again"), what="the dead letter")
        resend(rio, "letter-again")
        wait_until(lambda: len(rio.sink.to(path)) == 2, what="the letter again")
        died_at = wait_until(lambda: died(rio, "letter-again"), what="its second death")
        ended(rio, order(rio, subscription="letter-again", **{"from": start}))
        wait_until(lambda: len(rio.sink.to(path)) == 3, what="the replayed event")
        wait_until(lambda: died(rio, "letter-again") != died_at, what="its death")
        rio.sink.answer = lambda _: 204
        resend(rio, "letter-again")
        wait_until(lambda: len(rio.sink.to(path)) == 4, what="the replayed letter")
    finally:
        rio.sink.answer = lambda _: 204
    first, letter, replay, replayed_letter = (one.headers["webhook-id"] for one in rio.sink.to(path))
    assert first == letter
    assert replay == replayed_letter != first


def died(rio: Rio, subscription: str) -> str | None:
    """When the dead letter of a subscription died."""
    items = rio.client.get("/dead-letters", params={"subscription": subscription}).json()["items"]
    return items[0]["died_at"] if items else None


def resend(rio: Rio, subscription: str) -> None:
    """Send the dead letter of a subscription again."""

    def replayed() -> bool:
        answer = rio.client.post("/dead-letters/replay", json={"filter": {"subscription": subscription}})
        return answer.status_code == 200 and answer.json()["done"] == 1

    wait_until(replayed, what="the dead letter")
