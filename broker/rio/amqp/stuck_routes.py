"""Routes whose messages RabbitMQ does not confirm, while it confirms others: a queue has no leader."""

from typing import Final

from broker.rio.amqp.pending import Route

CONFIRM_SECONDS: Final = 10.0
"""How long a message's confirm is waited for."""
_STUCK_SECONDS: Final = 5.0
_MAX_ROUTES: Final = 10_000


class StuckRoutes(dict[Route, float]):
    """Stuck routes, and until when (monotonic) messages that take them are refused.

    It is a dict so that whether there is any, which is looked at for every message, costs no call.
    """

    def note(self, route: Route, now: float) -> None:
        """Refuse messages of a route for a while."""
        if len(self) < _MAX_ROUTES:
            self[route] = now + _STUCK_SECONDS

    def refuses(self, route: Route, now: float) -> bool:
        """Whether a message is refused. One is let through when the time is over, to find out whether the
        route is still stuck; the next ones wait for its result."""
        until = self.get(route)
        if until is None:
            return False
        if now >= until:
            self[route] = now + CONFIRM_SECONDS + _STUCK_SECONDS
            return False
        return True
