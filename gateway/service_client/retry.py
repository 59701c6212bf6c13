"""Retries: which calls may be made again, and when."""

from opentelemetry import trace

from gateway.service_client.call import Call, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.policy import Policy, RetryPolicy
from gateway.service_client.service import Service
from observability.http.retry_after import read_retry_after
from observability.resilience.backoff import full_jitter

#: Methods whose repetition changes nothing (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
#: Statuses of failures that may be transient.
TRANSIENT = frozenset({502, 503, 504})


def pause(settings: RetryPolicy, retry: int, retry_after: str | None = None) -> float | None:
    """Seconds to wait before a retry (the first is 1): full jitter under an exponential bound.

    Parameters:
        retry_after: what the service says: the time that is waited at least, in seconds or as a date.

    Returns:
        None where the service asks for a longer pause than a retry may wait: an earlier retry would only add
            to its load, and a later one would hold up the rest of the response.
    """
    asked = read_retry_after(retry_after) or 0.0
    if asked > settings.cap_seconds:
        return None
    return max(asked, full_jitter(retry, settings.first_seconds, settings.cap_seconds))


def next_pause(
    service: Service, call: Call, policy: Policy, deadline: Deadline, attempt: int, error: ServiceError
) -> float | None:
    """Seconds until the call is made again; None where it is not."""
    if attempt >= policy.retries.attempts or call.method not in IDEMPOTENT or not error.passing:
        return None
    wait = pause(policy.retries, attempt, error.retry_after)
    if wait is None or wait >= deadline.remaining():
        return None
    if not service.budget.withdraw():
        service.refused["budget"].inc()
        trace.get_current_span().add_event("retry.refused", {"service": call.service, "reason": "budget"})
        return None
    return wait
