"""What the gateway counts of its answers, beside what every hop does."""

from prometheus_client import CollectorRegistry, Counter


class Metrics:
    """Counters by route; routes and parts are those of the table, so they are bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._composed = Counter(
            "gateway_composed_answers",
            "Documents that were put together, not taken from memory.",
            ["route"],
            registry=registry,
        )
        self._partial = Counter(
            "gateway_partial_answers",
            "Those of them that some part is missing of.",
            ["route"],
            registry=registry,
        )
        self._parts = Counter(
            "gateway_part_failures",
            "Parts that failed, and what was done about it.",
            ["route", "part", "policy"],
            registry=registry,
        )
        self._shared = Counter(
            "gateway_shared_answers",
            "Answers that another request's work gave: coalesced, cached or not modified.",
            ["route", "how"],
            registry=registry,
        )
        self._reloads = Counter(
            "gateway_reloads", "Times the routing table was read again.", ["outcome"], registry=registry
        )

    def add_composed_route(self, route: str) -> None:
        """Show a route's counters at 0, so that an alert sees the first documents as an increase."""
        self._composed.labels(route)
        self._partial.labels(route)

    def composed(self, route: str, *, complete: bool) -> None:
        self._composed.labels(route).inc()
        if not complete:
            self._partial.labels(route).inc()

    def part_failed(self, route: str, part: str, policy: str) -> None:
        self._parts.labels(route, part, policy).inc()

    def shared(self, route: str, how: str) -> None:
        self._shared.labels(route, how).inc()

    def reloaded(self, outcome: str) -> None:
        self._reloads.labels(outcome).inc()
