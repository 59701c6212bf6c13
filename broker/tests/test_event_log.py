"""The event log on a real RabbitMQ: kept, bounded, read from anywhere, and its end found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.rio.amqp import event_log, topology
from broker.rio.amqp.accepted_since import accepted_since
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.event_log import LOG, Logged, Reader
from broker.tests.servers import Rabbit, wait_until


@pytest.fixture
def address(rabbit: Rabbit) -> RabbitAddress:
    return RabbitAddress(rabbit.url, "guest")


@pytest.fixture
def channel(address: RabbitAddress) -> Iterator[Any]:
    """A channel in confirm mode to a RabbitMQ with an empty log."""
    with address.connection() as connection:
        channel = connection.channel()
        topology.declare_base(channel)
        _begin_anew(channel, megabytes=64)
        channel.confirm_select()
        yield channel
        _begin_anew(channel, megabytes=512)  # as Rio has it: other tests use the log, too


def _begin_anew(channel: Any, megabytes: int) -> None:
    channel.queue_delete(LOG)
    event_log.declare(channel, age_seconds=7 * 86400, megabytes=megabytes)


def publish(channel: Any, *ids: str) -> None:
    for event_id in ids:
        headers = {"ce-id": event_id, "ce-type": "log.test", "ce-source": "/tests"}
        message = channel.prepare_message(b"{}", headers=headers, properties={"delivery_mode": 2})
        channel.basic_publish_confirm(message, topology.EVENTS, "log.test")


def mark(channel: Any, name: str) -> None:
    outgoing = event_log.mark(name)
    message = channel.prepare_message(b"", headers=dict(outgoing.headers))
    channel.basic_publish_confirm(message, outgoing.exchange, outgoing.routing_key)


def read_until(address: RabbitAddress, start: int | datetime | str, name: str) -> list[Logged]:
    found: list[Logged] = []
    with address.connection() as connection:
        reader = Reader(connection, start)

        def more() -> bool:
            found.extend(reader.read())
            return any(entry.mark == name for entry in found)

        wait_until(more, what="the mark")
    return found


def test_everything_before_the_mark_is_read_in_order(address: RabbitAddress, channel: Any) -> None:
    sent = [str(number) for number in range(300)]
    publish(channel, *sent)
    mark(channel, "end")
    found = read_until(address, "first", "end")
    assert [entry.offset for entry in found] == list(range(301))
    assert [entry.message.event.id for entry in found[:-1]] == sent
    assert [entry.mark for entry in found] == [None] * 300 + ["end"]


def test_reading_begins_at_an_offset_or_a_time(address: RabbitAddress, channel: Any) -> None:
    publish(channel, "a", "b", "c")
    mark(channel, "end")
    assert [entry.message.event.id for entry in read_until(address, 1, "end")][:-1] == ["b", "c"]
    early = datetime.now(UTC) - timedelta(hours=1)
    assert [entry.message.event.id for entry in read_until(address, early, "end")][:-1] == ["a", "b", "c"]


def test_what_was_accepted_since_is_read_to_its_end_though_it_comes_late(
    address: RabbitAddress, channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [str(number) for number in range(300)]
    publish(channel, *sent)
    mark(channel, "of a replay")
    monkeypatch.setattr(event_log, "_WAIT_SECONDS", 1e-6)  # nothing comes as fast
    now = datetime.now(UTC)
    found = [message.event for message in accepted_since(address, now - timedelta(hours=1), now)]
    # The Rio of other tests may write an event of its own meanwhile.
    assert [event.id for event in found if event.type == "log.test"] == sent


def test_its_extent_is_known(address: RabbitAddress, channel: Any) -> None:
    # The Rio of other tests may write an event of its own meanwhile.
    before = event_log.extent(address).events
    assert before < 10
    publish(channel, *map(str, range(100)))
    assert 100 <= event_log.extent(address).events - before < 110


def test_another_retention_leaves_the_log_as_it_is(address: RabbitAddress, channel: Any) -> None:
    publish(channel, "kept")
    event_log.declare(channel, age_seconds=7200, megabytes=128)
    publish(channel, "too")
    mark(channel, "end")
    assert [entry.message.event.id for entry in read_until(address, "first", "end")][:-1] == ["kept", "too"]


def test_an_old_log_gives_up_its_oldest_segments(address: RabbitAddress, channel: Any) -> None:
    _begin_anew(channel, megabytes=2)
    body = b"x" * 100_000
    for number in range(60):
        headers = {"ce-id": str(number), "ce-type": "log.test", "ce-source": "/tests"}
        message = channel.prepare_message(body, headers=headers, properties={"delivery_mode": 2})
        channel.basic_publish_confirm(message, topology.EVENTS, "log.test")

    def dropped() -> bool:
        with address.connection() as connection:
            (first, *_) = Reader(connection, "first").read()
            return first.offset > 20

    wait_until(dropped, what="the oldest to go")
