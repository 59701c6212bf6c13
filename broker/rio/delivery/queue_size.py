"""The size of a queue in bytes, which AMQP does not tell: estimated from the events emitted lately."""

from collections.abc import Iterable

from broker.rio.model.pattern import matches
from broker.rio.store.flow_counts import Arrivals


def estimated_bytes(
    waiting: int, types: Iterable[str], arrived: Iterable[Arrivals], oldest_mean: float
) -> float:
    """The estimated bytes of a queue's events.

    Its newest events are those of its types that were emitted last, whose sizes the flow counts keep for a
    while; those before are taken to be as large as the oldest ones.

    Args:
        waiting: how many they are.
        types: patterns of event types that the queue gets.
        arrived: the events emitted lately, newest first.
        oldest_mean: the mean size of the oldest events in the queue, in bytes.
    """
    patterns, bytes_, left = tuple(types), 0.0, waiting
    for one in arrived:
        if left and any(matches(pattern, one.type) for pattern in patterns):
            taken = min(left, one.count)
            bytes_ += one.bytes * taken / one.count
            left -= taken
    return bytes_ + left * oldest_mean
