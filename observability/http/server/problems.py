"""Problems of messages that are too long or too slow."""

from observability.http.problem import Problem
from observability.http.server.limits import Limits


def long_head(limits: Limits) -> Problem:
    """431: a head of more bytes than are read."""
    return Problem(431, detail=f"The head has at most {limits.head_bytes} bytes.")


def too_large(limits: Limits) -> Problem:
    """413: a body that is read whole, and too large for that."""
    return Problem(413, "Body too large", detail=f"A body has at most {limits.body_bytes} bytes.")


def too_slow(limits: Limits) -> Problem:
    """408: a body that is read whole, and did not come."""
    return Problem(408, detail=f"The body is incomplete after {limits.body_seconds:g} s.")
