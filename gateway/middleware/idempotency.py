"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): checked here, remembered by the services."""

import re

from tornado.httputil import HTTPHeaders

from observability.problem import Problem

HEADER = "Idempotency-Key"
#: Methods that are not idempotent by themselves.
METHODS = frozenset({"POST", "PATCH"})
#: A String of structured fields (RFC 9651, 3.3.3): printable ASCII in quotes, quote and backslash escaped.
_STRING = re.compile(r'"(?:[ !#-\[\]-~]|\\["\\]){1,255}"')
_ABOUT = "https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/"


def check(method: str, headers: HTTPHeaders, required: bool) -> None:
    """Check a request's key.

    Parameters:
        required: whether the route takes no request without one.

    Raises:
        Problem: 400, it is missing or no string in quotes.
    """
    if method not in METHODS:
        return
    key = headers.get(HEADER)
    if key is None:
        if required:
            detail = "The request needs an Idempotency-Key, so that it can be repeated safely."
            raise Problem(400, "Idempotency-Key is missing", type=_ABOUT, detail=detail)
    elif not _STRING.fullmatch(key):
        detail = 'An Idempotency-Key is 1 to 255 printable ASCII characters in quotes, such as "8e03978e".'
        raise Problem(400, "Idempotency-Key is malformed", type=_ABOUT, detail=detail)
