"""Headers that only the platform may set, on the requests that its own processes send."""

from tornado.httputil import HTTPHeaders

from gateway.service_client.deadline import HEADER as TIMEOUT_HEADER

#: What services are told of a verified caller.
USER_HEADER = "X-User-Id"
SCOPES_HEADER = "X-User-Scopes"
#: What only the platform says, to itself. The edge drops some of it; the gateway does not rely on it.
INTERNAL = frozenset(
    {
        "X-Platform-Credential",
        "X-Caller",
        USER_HEADER,
        SCOPES_HEADER,
        TIMEOUT_HEADER,
        "Forwarded",
        # What proxies elsewhere say of a caller, and frameworks believe.
        "Remote-User",
        "X-Real-Ip",
        "X-Remote-User",
    }
)
#: Of X-Forwarded-* only what the edge says itself is passed on: it cannot drop a family of headers. Servers
#: believe them; gunicorn refuses X-Forwarded-Ssl that contradicts X-Forwarded-Proto.
_INTERNAL_PREFIXES = ("X-User-", "X-Forwarded-")
#: What the edge says of every request that it got; of other peers it is not believed.
_OF_EDGE = frozenset({"X-Forwarded-For", "X-Forwarded-Proto"})


def strip(headers: HTTPHeaders, *, trusted: bool) -> None:
    """Remove the headers that a client must not set.

    Parameters:
        trusted: whether the request came from a trusted proxy, which may set those of the edge.
    """
    for name in [name for name in headers if is_internal(name)]:
        if not (trusted and name in _OF_EDGE):
            del headers[name]


def is_internal(name: str) -> bool:
    """Whether only the platform may set a header. Any name with an underscore counts: WSGI reads
    `X_User_Id` as it does `X-User-Id`."""
    return "_" in name or name in INTERNAL or name.startswith(_INTERNAL_PREFIXES)
