"""Calls to services, through services nginx: bounded in time and number, each attempt a span."""

from gateway.backend.attempt import MAX_ANSWER_BYTES, Attempt, Listener
from gateway.backend.call import Answer, BackendError, Call, KeptOpen
from gateway.backend.client import CREDENTIAL_HEADER, BackendClient

__all__ = [
    "CREDENTIAL_HEADER",
    "MAX_ANSWER_BYTES",
    "Answer",
    "Attempt",
    "BackendClient",
    "BackendError",
    "Call",
    "KeptOpen",
    "Listener",
]
