"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): checked here, remembered by the services."""

import re

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from observability.http.problem import Problem

HEADER = "Idempotency-Key"
#: Methods that are not idempotent by themselves.
METHODS = frozenset({"POST", "PATCH"})
#: A String of structured fields (RFC 9651, 3.3.3): printable ASCII in quotes, quote and backslash escaped.
_STRING = re.compile(r'"(?:[ !#-\[\]-~]|\\["\\]){1,255}"')
_ABOUT = "https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/"


def idempotency_key(handler: Handler, route: Route) -> Handler:
    """Middleware: check the key of requests whose method is not idempotent.

    Raises:
        Problem: 400, it is no string in quotes, or missing where the route requires one.
    """
    if route.method not in METHODS:
        return handler
    is_required = route.idempotency

    async def with_key(request: Request) -> Response:
        _check(request.headers.get(HEADER), is_required)
        return await handler(request)

    return with_key


def _check(key: str | None, is_required: bool) -> None:
    if key is None:
        if is_required:
            detail = "The request needs an Idempotency-Key, so that it can be repeated safely."
            raise Problem(400, "Idempotency-Key is missing", type=_ABOUT, detail=detail)
    elif not _STRING.fullmatch(key):
        detail = 'An Idempotency-Key is 1 to 255 printable ASCII characters in quotes, such as "8e03978e".'
        raise Problem(400, "Idempotency-Key is malformed", type=_ABOUT, detail=detail)
