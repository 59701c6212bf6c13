"""The key of a response: two requests with the same key may share one."""

from collections.abc import Hashable

from gateway.caller.request_id import REQUEST_ID_HEADER
from gateway.config.route import Route
from gateway.messages import Request


def cache_key(route: Route, request: Request) -> Hashable:
    """The key of a response: all that it depends on.

    Routes that are loaded anew have new endpoints, and so other keys.
    """
    identity = tuple(each for each in request.caller.identity if each[0] != REQUEST_ID_HEADER)
    passed = tuple(request.headers.get(name) for name in route.passed_headers)
    return route.endpoint, tuple(sorted(request.parameters.items())), request.path, identity, passed
