"""The middleware of one route, around its endpoint."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from gateway.config.route import Route
from gateway.messages import Handler
from gateway.middleware import Middleware


class Stack(NamedTuple):
    """A route's handler, and the names of the middleware that it runs, outermost first."""

    handler: Handler
    names: tuple[str, ...]

    @classmethod
    def of(cls, route: Route, built_in: Sequence[tuple[str, Middleware]]) -> Self:
        """Wrap the route's endpoint in the built-in middleware that it needs and in its own."""
        handler: Handler = route.endpoint.respond
        names: list[str] = []
        for name, middleware in reversed(_ordered(route, built_in)):
            wrapped = middleware(handler, route)
            if wrapped is not handler:
                names.append(name)
            handler = wrapped
        return cls(handler, tuple(reversed(names)))


def _ordered(route: Route, built_in: Sequence[tuple[str, Middleware]]) -> list[tuple[str, Middleware]]:
    """Built-in middleware and the route's own, each of these at its place."""
    ordered: list[tuple[str, Middleware]] = []
    for name, middleware in built_in:
        ordered += [(each.name, each.wrap) for each in route.middleware if each.before == name]
        ordered.append((name, middleware))
        ordered += [(each.name, each.wrap) for each in route.middleware if each.after == name]
    return ordered
