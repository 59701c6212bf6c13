"""The estimated size of a queue."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from broker.rio.delivery.queue_size import estimated_bytes
from broker.rio.store.flow_counts import Arrivals

minutes = st.lists(st.tuples(st.integers(1, 100), st.integers(1, 1000)), max_size=10)


def arrivals(*counted: tuple[int, int], type_: str = "a.b") -> list[Arrivals]:
    """Of each minute, the newest first: how many events, and the size of each."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [Arrivals(at, type_, count, count * size) for count, size in counted]


def test_the_newest_events_are_those_that_wait() -> None:
    assert estimated_bytes(15, ["a.*"], arrivals((10, 100), (10, 7)), 1) == 1000 + 5 * 7


def test_what_is_not_known_is_as_large_as_the_oldest() -> None:
    assert estimated_bytes(15, ["a.*"], arrivals((10, 100)), 3) == 1000 + 5 * 3


def test_events_of_other_types_are_elsewhere() -> None:
    arrived = [*arrivals((10, 100), type_="c.d"), *arrivals((10, 7))]
    assert estimated_bytes(10, ["a.*", "a.b"], arrived, 1) == 70


@given(minutes, st.integers(0, 2000), st.integers(1, 1000))
def test_it_lies_between_the_smallest_and_the_largest(
    counted: list[tuple[int, int]], waiting: int, mean: int
) -> None:
    sizes = [mean, *(size for _, size in counted)]
    found = estimated_bytes(waiting, ["#"], arrivals(*counted), mean)
    assert waiting * min(sizes) - 1e-6 <= found <= waiting * max(sizes) + 1e-6
