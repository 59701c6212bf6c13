"""Answers of services on their way to the caller."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.aggregation.part import PartFailed
from gateway.messages import Headers, Response
from gateway.problems import Unavailable
from gateway.service_client import Answer, ServiceError

#: Headers of a service's answer that its caller gets too.
PASSED_BACK = ("Content-Type", "Retry-After", "Allow", "ETag", "Cache-Control", "Idempotent-Replayed")
#: Headers that name a resource.
LOCATIONS = ("Location", "Content-Location")
#: RFC 9110, 7.6.1: of one connection, never passed on; nor is what `Connection` itself names.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
#: Of a request, in lower case: what the gateway says itself, and what is between it and the caller.
NOT_SENT_ON = frozenset(
    {
        "host",
        "content-length",
        "expect",
        "user-agent",
        "authorization",
        "cookie",
        "traceparent",
        "tracestate",
        "baggage",
        "via",
        "x-platform-credential",
        "x-caller",
        "x-request-id",
        "x-request-timeout-ms",
    }
)


def pass_on(answer: Answer, location_prefix: str = "") -> Response:
    """The service's own answer, its problem documents included."""
    headers = [(name, value) for name in PASSED_BACK if (value := answer.headers.get(name)) is not None]
    for name in LOCATIONS:
        if location := answer.headers.get(name):
            headers.append((name, public_location(location, location_prefix)))
    return Response(answer.status, headers, answer.body)


def public_location(location: str, prefix: str) -> str:
    """A service's Location as its public name.

    Of an address inside the platform, which means nothing outside, only path and query are kept.
    """
    if location.startswith("/") and not location.startswith("//"):
        return prefix + location
    try:
        parts = urlsplit(location)
        host = parts.hostname
    except ValueError:  # no address at all
        return location
    if host is None or not _is_internal(host):
        return location
    return prefix + (parts._replace(scheme="", netloc="").geturl() or "/")


def _is_internal(host: str) -> bool:
    """Whether callers cannot reach a host: it is a name without a domain, or a private address."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host.rstrip(".") or host.endswith((".internal", ".local", ".localhost"))


def unavailable(error: ServiceError | PartFailed) -> Unavailable:
    """The problem where a service that the response needs gave no answer, or could not be called."""
    headers = {"Retry-After": error.retry_after or "1"} if error.status == 503 else {}
    title = "A service gave no answer" if error.status >= 500 else None
    problem = Unavailable(error.status, title, detail=str(error), headers=headers)
    problem.is_cut = error.cut
    return problem


def end_to_end(headers: Iterable[tuple[str, str]], without: Mapping[str, object] | frozenset[str]) -> Headers:
    """The headers that are for the other end.

    Parameters:
        without: lower-case names that are not passed on either.
    """
    found = list(headers)
    named = {
        token.strip().lower()
        for name, value in found
        if name.lower() == "connection"
        for token in value.split(",")
    }
    return [
        (name, value)
        for name, value in found
        if (low := name.lower()) not in HOP_BY_HOP and low not in named and low not in without
    ]
