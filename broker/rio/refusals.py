"""The problems with which Rio refuses requests and events (RFC 9457)."""

import math
from typing import Final

from broker.rio.amqp.not_published import Blocked, NotPublished
from observability.http.problem import Problem

RETRY_AFTER_SECONDS: Final = 1
_ALARM_SECONDS: Final = 5


def unavailable(title: str, detail: str) -> Problem:
    """503: the caller may try again."""
    return Problem(503, title, detail=detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def store_unavailable() -> Problem:
    """503: PostgreSQL cannot be reached."""
    return unavailable("Store unavailable", "PostgreSQL does not answer")


def not_published(error: NotPublished) -> Problem:
    """503, or 429 during an alarm: RabbitMQ did not confirm the event."""
    if isinstance(error, Blocked):
        headers = {"Retry-After": str(_ALARM_SECONDS)}
        return Problem(429, "RabbitMQ blocks publishers", detail=str(error), headers=headers)
    return unavailable("RabbitMQ unavailable", str(error))


def unknown_sender() -> Problem:
    """401: the request has no token of a known sender."""
    return Problem(
        401,
        "Unknown sender",
        detail="a sender's name and token, or its bearer token, is needed",
        headers={"WWW-Authenticate": 'Bearer realm="rio", Basic realm="rio"'},
    )


def read_only(sender_name: str) -> Problem:
    """403: a viewer asks for a change."""
    return Problem(403, "Read only", detail=f"{sender_name} may see everything and change nothing")


def held_back() -> Problem:
    """424: the event follows one of an ordered batch and the same subject that was not accepted."""
    detail = "an earlier event of its subject in the batch was not accepted; send both again, in order"
    return Problem(424, "Held back", detail=detail)


def too_fast(rate_per_second: float, wait_seconds: float) -> Problem:
    """429: the sender exceeds its rate."""
    return Problem(
        429,
        "Too many events",
        detail=f"this sender may emit {rate_per_second:g} a second",
        headers={"Retry-After": str(max(1, math.ceil(wait_seconds)))},
    )
