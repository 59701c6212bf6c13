"""Requests of which everything that a caller chooses is chosen at random, as scanners send them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class RandomRequest:
    """A request without a body."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)


def random_requests(count: int, prefix: str = "") -> Iterator[RandomRequest]:
    """Requests with paths, hosts, User-Agents and ids that no other has; half of their methods are HTTP's.

    Args:
        prefix: of every path.
    """
    for _ in range(count):
        word = f"{random.getrandbits(64):x}"
        method = random.choice(METHODS) if random.random() < 0.5 else f"M{word}".upper()
        headers = {
            "Host": f"{word}.example",
            "User-Agent": f"agent/{word}",
            "X-Caller": f"caller-{word}",
            "X-Request-Id": word,
            "traceparent": f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-01",
            "tracestate": f"nextphase=synthetic:{word}",
            "baggage": f"user=u{word}",
        }
        yield RandomRequest(method, f"{prefix}/{word}?q={word}", headers)
