"""Lines: first come first served, or one after another within each subject, whatever fails in between."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from broker.rio.amqp.consumers import Consumer, Received, Wanted
from broker.rio.delivery.lines import BySubject, Unordered
from broker.rio.model.event import Event
from broker.rio.model.message import Message

CONSUMER = Consumer(Wanted(1, "s", 10, True), None)


def received(tag: int, subject: str) -> Received:
    attributes = {"subject": subject} if subject else {}
    return Received(Message(Event(attributes, None, b""), {}, 0.0), CONSUMER, tag)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=30), st.lists(st.booleans(), max_size=60))
def test_each_subject_keeps_its_order_through_failures(subjects: list[str], failures: list[bool]) -> None:
    line, done = BySubject(), defaultdict(list)
    for tag, subject in enumerate(subjects):
        line.put(received(tag, subject))
    fails = iter(failures)
    under_way: list[Received] = []
    while True:
        while (taken := line.take()) is not None:
            under_way.append(taken)
        if not under_way:
            break
        assert len({one.message.event.subject for one in under_way}) == len(under_way)
        first = under_way.pop(0)
        if next(fails, False):
            line.again(first)
        else:
            line.done(first)
            done[first.message.event.subject or ""].append(first.tag)
    assert done == {
        subject: [tag for tag, one in enumerate(subjects) if one == subject] for subject in set(subjects)
    }


def test_unordered_is_first_come_first_served() -> None:
    line = Unordered()
    for tag in range(3):
        line.put(received(tag, "a"))
    assert [one.tag for one in iter(line.take, None)] == [0, 1, 2]


def test_what_was_cleared_stays_away() -> None:
    line = BySubject()
    line.put(received(1, "a"))
    taken = line.take()
    assert taken is not None
    line.clear()
    line.again(taken)
    line.done(taken)
    assert line.take() is None
