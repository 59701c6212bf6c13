"""The arithmetic of a token bucket, kept as the one time at which the bucket is full again.

That is GCRA, the generic cell rate algorithm (ITU-T I.371), which calls it the theoretical arrival time: a
bucket is one number, and nothing has to refill it. Where the number is kept is the caller's matter.

Replaces the package limits, whose buckets are in a store of its own: the gateway's are in memory that its
processes share, Rio's may be drawn in advance. One formula. To be dropped when it takes a store like these.
"""

from typing import TypeVar

Time = TypeVar("Time", int, float)


def take(full_at: Time, now: Time, interval: Time, capacity: Time) -> tuple[Time, Time]:
    """Take one token from a bucket. Times are in one unit, any; whole numbers stay whole.

    Args:
        full_at: when the bucket is full again; of a full one, any time that has passed.
        interval: time in which one token comes back.
        capacity: time in which an empty bucket fills: that of one token, or more.

    Returns:
        when the bucket is full again after that, and for how long what was taken is not there yet: 0 or less
        where it is there now. A caller that does not take it then forgets the first.
    """
    missing = max(full_at - now, 0) + interval
    return now + missing, missing - capacity
