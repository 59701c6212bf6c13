"""The client library, against the real database and the real Rio."""

import asyncio
from uuid import uuid4

import psycopg
import pytest

from broker.client import AsyncClient, Client, Draft, inbox, outbox
from broker.client.errors import Refused
from broker.client.webhook import BadEvent, Event, parse
from broker.tests.servers import Postgres, Rio, Sink, wait_until


@pytest.fixture
def database(postgres: Postgres) -> str:
    name = f"client_{uuid4().hex[:8]}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    postgres.execute(name, outbox.SCHEMA)
    return postgres.url(name)


def event(event_id: str, delivery: str | None = None) -> Event:
    headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "/t", "ce-type": "t"}
    if delivery is not None:
        headers["webhook-id"] = delivery
    return parse(headers | {"Content-Type": "application/json"}, b"{}")


def test_rolled_back_event_was_never_emitted(database: str) -> None:
    with psycopg.connect(database) as connection:
        outbox.emit(connection.execute, type="a.b", source="/t", subject="1", data={"k": "ü"})
        connection.rollback()
        kept = outbox.emit(connection.execute, type="a.b", source="/t", subject="1", data={"k": "ü"})
        connection.commit()
        assert connection.execute("SELECT id::text, data FROM outbox").fetchall() == [(kept, {"k": "ü"})]


def test_event_acts_once(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert inbox.first_time(connection.execute, event("1"))
        assert not inbox.first_time(connection.execute, event("1"))
        assert inbox.first_time(connection.execute, event("2"))


def test_event_acts_once_for_each_delivery(database: str) -> None:
    with psycopg.connect(database) as connection:
        for delivery in ("msg_one", "msg_two"):
            assert inbox.first_time(connection.execute, event("1", delivery))
            assert not inbox.first_time(connection.execute, event("1", delivery))


@pytest.mark.parametrize("delivery", ["", "a b", "a\x00", "m" * 256])
def test_a_delivery_without_a_proper_id_is_none(delivery: str) -> None:
    with pytest.raises(BadEvent, match="webhook-id"):
        event("1", delivery)


async def test_async_twins_do_the_same(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await outbox.emit_async(connection.execute, type="a.b", source="/t", subject="1", data={})
        assert await inbox.first_time_async(connection.execute, event("1"))
        assert not await inbox.first_time_async(connection.execute, event("1"))
        cursor = await connection.execute("SELECT count(*) FROM outbox")
        assert await cursor.fetchone() == (1,)


async def test_concurrent_deliveries_of_one_event_act_once(database: str) -> None:
    async def consume() -> bool:
        async with await psycopg.AsyncConnection.connect(database) as connection:
            first = await inbox.first_time_async(connection.execute, event("same"))
            await asyncio.sleep(0.05)  # the business transaction
            return first

    assert sorted(await asyncio.gather(*(consume() for _ in range(5)))) == [False] * 4 + [True]


def dsn(rio: Rio, token: str = "t-tests") -> str:
    return f"http://tests:{token}@127.0.0.1:{rio.api_port}/client"


def test_what_a_client_emits_is_delivered(rio: Rio, sink: Sink) -> None:
    rio.client.put("/subscriptions/client", json={"types": ["client.*"], "sink": "/client/events"})
    with Client(dsn(rio)) as client:
        ids = [client.emit("one", {"n": 0}, subject="s")]
        sent = client.emit_many([Draft(action="many", data={"n": number}) for number in range(150)])
    assert all(one.error is None for one in sent)
    ids += [one.id for one in sent]
    wait_until(lambda: {each.headers["ce-id"] for each in sink.to("/client/events")} >= set(ids))


def test_the_same_event_again_is_answered_and_not_delivered_again(rio: Rio, sink: Sink) -> None:
    rio.client.put("/subscriptions/client-once", json={"types": ["client.once"], "sink": "/once/events"})
    with Client(dsn(rio)) as client:
        for _ in range(3):
            assert client.emit("once", {}, id="the-same") == "the-same"
        last = client.emit("once", {})
    wait_until(lambda: last in [each.headers["ce-id"] for each in sink.to("/once/events")])
    assert [each.headers["ce-id"] for each in sink.to("/once/events")].count("the-same") == 1


def test_of_a_batch_rio_refuses_what_is_wrong_and_takes_the_others(rio: Rio) -> None:
    drafts = [Draft(action="a", data=1), Draft(action="not one", data=2), Draft(action="b", data=3)]
    with Client(dsn(rio)) as client:
        sent = client.emit_many(drafts)
    assert [type(one.error) for one in sent] == [type(None), Refused, type(None)]


async def test_a_client_emits_in_asyncio_while_rio_comes_back(rio: Rio) -> None:
    async with AsyncClient(dsn(rio), budget_seconds=100) as client:
        await asyncio.to_thread(rio.api.kill)
        emitting = asyncio.create_task(client.emit("late", {}))
        await asyncio.to_thread(rio.api.start)
        assert await emitting
    await asyncio.to_thread(rio.wait_ready)


def test_a_wrong_token_is_refused(rio: Rio) -> None:
    with Client(dsn(rio, "wrong")) as client, pytest.raises(Refused, match="401"):
        client.emit("one", {})
