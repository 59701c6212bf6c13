"""In an ordered batch, events after one that was not accepted wait, if they have its subject."""

from broker.rio.ingest.subject_order import SubjectOrder
from broker.rio.model.event import Event


def about(subject: str | None) -> Event:
    return Event({} if subject is None else {"subject": subject}, None, b"")


def test_what_follows_of_the_same_subject_is_held_back() -> None:
    order = SubjectOrder(is_ordered=True)
    assert not order.holds_back(about("one"))
    order.stop(about("one"))
    assert order.holds_back(about("one"))
    assert not order.holds_back(about("two"))
    assert not order.holds_back(about(None))


def test_events_without_a_subject_follow_each_other() -> None:
    order = SubjectOrder(is_ordered=True)
    order.stop(about(None))
    assert order.holds_back(about(None))
    assert not order.holds_back(about("one"))


def test_behind_what_is_no_event_everything_is_held_back() -> None:
    order = SubjectOrder(is_ordered=True)
    order.stop_all()
    assert order.holds_back(about("one"))
    assert order.holds_back(about(None))


def test_without_an_order_nothing_is_held_back() -> None:
    order = SubjectOrder(is_ordered=False)
    order.stop(about("one"))
    order.stop_all()
    assert not order.holds_back(about("one"))
