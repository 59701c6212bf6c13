"""Finds the route of a request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate

from gateway.config.route import Route
from gateway.config.template import MAX_SEGMENTS, Template
from gateway.service_client.policy import Policy
from observability.http.problem import Problem


@dataclass(slots=True)
class _Place:
    """The routes of one path, by method."""

    template: Template
    routes: dict[str, Route]

    @property
    def allow(self) -> str:
        return _allow(set(self.routes))


def _allow(methods: set[str]) -> str:
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set()) | {"OPTIONS"}))


class Router:
    """Routes, found by path and method; never changed once it is made.

    Parameters:
        document: what the routes were read from, for the OpenAPI document.
        policies: how each service is called where a route does not say otherwise.
        application: answers what is asked of other paths than those of the routes.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        document: Mapping[str, Any],
        policies: Mapping[str, Policy],
        application: HTTPServerConnectionDelegate | None = None,
    ) -> None:
        self.routes = tuple(routes)
        self.document = document
        self.policies = policies
        self.application = application
        places: dict[str, _Place] = {}
        for route in self.routes:
            place = places.setdefault(route.template.shape, _Place(route.template, {}))
            place.routes[route.method] = route
        ordered = sorted(places.values(), key=lambda place: place.template.rank)
        self._static = {place.template.shape: place for place in ordered if not place.template.names}
        self._by_length: dict[int, list[_Place]] = {}
        for place in ordered:
            own = len(place.template.segments)
            longest = MAX_SEGMENTS if place.template.takes_rest else own
            for length in range(own, longest + 1) if place.template.names else ():
                self._by_length.setdefault(length, []).append(place)

    def find(self, method: str, path: str) -> tuple[Route, list[str]]:
        """The route for a method and a path as sent, and the raw values of the path's parameters.

        A HEAD is for the route of the GET, unless it has one of its own.

        Raises:
            Problem: 404 where no route has such a path, 405 where none of them has the method.
        """
        place, values = self._place(path)
        route = place.routes.get(method)
        if route is None and method == "HEAD":
            route = place.routes.get("GET")
        if route is None:
            raise Problem(405, headers={"Allow": place.allow})
        return route, values

    def methods(self, path: str) -> str:
        """The methods that a path has, as `Allow` says them.

        Raises:
            Problem: 404 where no route has such a path.
        """
        return self._place(path)[0].allow

    def has(self, path: str) -> bool:
        """Whether a route has this path, whatever its method; `*` is the gateway's own."""
        if path == "*":
            return True
        try:
            self._place(path)
        except Problem:
            return False
        return True

    @property
    def all_methods(self) -> str:
        """The methods that any path has, as `Allow` says them."""
        methods = {route.method for route in self.routes}
        return _allow(methods)

    def _place(self, path: str) -> tuple[_Place, list[str]]:
        if (place := self._static.get(path)) is not None:
            return place, []
        segments = path.split("/")[1:]
        for place in self._by_length.get(len(segments), ()):
            if (values := place.template.match(segments)) is not None and all(values):
                return place, values
        raise Problem(404, detail="There is nothing at this path.")
