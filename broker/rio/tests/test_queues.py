"""Queues: first come first served, or one after another within each subject, whatever fails in between."""

import asyncio
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.consumer import Consumer, ConsumerSpec, ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.delivery.queues.lanes import SubjectLanes
from broker.rio.delivery.queues.unordered import UnorderedQueue
from broker.rio.model.event import Event
from broker.rio.model.message import Message

CONSUMER = Consumer(ConsumerSpec(1, "s", 10, True), None)


def received(tag: int, subject: str) -> ReceivedMessage:
    attributes = {"subject": subject} if subject else {}
    return ReceivedMessage(Message(Event(attributes, None, b""), {}, 0.0), CONSUMER, tag)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=30), st.lists(st.booleans(), max_size=60))
def test_each_subject_keeps_its_order_through_failures(subjects: list[str], failures: list[bool]) -> None:
    lanes, done = SubjectLanes(), defaultdict(list)
    for tag, subject in enumerate(subjects):
        lanes.put(received(tag, subject))
    fails = iter(failures)
    under_way: list[ReceivedMessage] = []
    while True:
        while (taken := lanes.take()) is not None:
            under_way.append(taken)
        if not under_way:
            break
        assert len({one.message.event.subject for one in under_way}) == len(under_way)
        first = under_way.pop(0)
        if next(fails, False):
            lanes.again(first)
        else:
            lanes.done(first)
            done[first.message.event.subject or ""].append(first.tag)
    assert done == {
        subject: [tag for tag, one in enumerate(subjects) if one == subject] for subject in set(subjects)
    }


async def test_unordered_is_first_come_first_served() -> None:
    consumers = Consumers(
        RabbitAddress("amqp://guest@127.0.0.1:9", "guest"),
        asyncio.get_running_loop(),
        receive=lambda _batch: None,
        show_lengths=lambda _lengths: None,
    )
    ready: list[None] = []
    queue = UnorderedQueue(consumers, {}, lambda: ready.append(None))
    for tag in range(3):
        queue.add(received(tag, "a"))
    assert [one.tag for one in iter(queue.take, None)] == [0, 1, 2]
    assert len(ready) == 3


def test_what_was_cleared_stays_away() -> None:
    lanes = SubjectLanes()
    lanes.put(received(1, "a"))
    taken = lanes.take()
    assert taken is not None
    lanes.clear()
    lanes.again(taken)
    lanes.done(taken)
    assert lanes.take() is None
