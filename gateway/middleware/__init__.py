"""Middleware: what a request passes on its way to its route's endpoint, one concern a module."""

from collections.abc import Callable

from gateway.config.route import Route
from gateway.messages import Handler

Middleware = Callable[[Handler, Route], Handler]
"""Wraps the handler of a route, once, when the routes are loaded; where the route does not need it, the
handler itself is given back, and requests of the route do not pass it."""

__all__ = ["Middleware"]
