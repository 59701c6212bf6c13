"""Calls to services, through services nginx: bounded in time and number, each attempt a span."""

from gateway.service_client.attempt import MAX_ANSWER_BYTES, Attempt, Listener
from gateway.service_client.call import Answer, Call, KeptOpen, ServiceError
from gateway.service_client.client import CREDENTIAL_HEADER, HttpServiceClient

__all__ = [
    "CREDENTIAL_HEADER",
    "MAX_ANSWER_BYTES",
    "Answer",
    "Attempt",
    "Call",
    "HttpServiceClient",
    "KeptOpen",
    "Listener",
    "ServiceError",
]
