"""Errors of calls to which a service gave no usable answer."""

from typing import Final

from gateway.service_client import retry
from gateway.service_client.call import ServiceError
from observability.http.client import (
    ClientError,
    ConnectFailed,
    Exhausted,
    Headers,
    Malformed,
    TimedOut,
    TooLarge,
)

#: What the gateway answers where a service did not, the first that fits.
_FAILURES: Final[tuple[tuple[type[ClientError], tuple[int, str]], ...]] = (
    (TimedOut, (504, "no answer in time")),
    (TooLarge, (502, "the answer is too large")),
    (Malformed, (502, "the answer is malformed")),
    (Exhausted, (503, "all connections are busy")),
    (ConnectFailed, (502, "no connection")),
    (ClientError, (502, "the connection was lost")),
)


def no_answer(service: str, error: ClientError, *, cut: bool) -> ServiceError:
    """The error of an exchange without an answer.

    Parameters:
        cut: whether the request's deadline ended it.
    """
    status, cause = next(said for kind, said in _FAILURES if isinstance(error, kind))
    passing = not isinstance(error, TooLarge | Malformed)
    return ServiceError(service, status, cause, passing=passing, cut=cut)


def unusable(service: str, status: int, headers: Headers) -> ServiceError | None:
    """The error of an answer that is of no use; None for one that is."""
    if status == 403 and is_denied(headers):
        return ServiceError(service, 502, "the gateway was not admitted")
    if status < 500:
        return None
    shown = status if status in (503, 504) else 502
    cause, passing = f"the service answered {status}", status in retry.TRANSIENT
    return ServiceError(service, shown, cause, headers.get("Retry-After"), passing)


def is_denied(headers: Headers) -> bool:
    """Whether services nginx itself sent a 403, as it did not admit the gateway. It removes this header from
    services' answers."""
    return "error=http_request_denied" in (headers.get("Proxy-Status") or "")
