"""Metrics of the gateway's requests and responses, beside those of every hop."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters by route; routes and parts are those of the file of routes, so they are bounded."""

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
            "gateway_reloads", "Times the routes were read again.", ["outcome"], registry=registry
        )
        self.requests = Gauge(
            "gateway_requests_in_flight", "Requests of a route in progress.", ["route"], registry=registry
        )
        self.shed = Counter(
            "gateway_shed",
            "Requests refused because the gateway was overloaded.",
            ["route"],
            registry=registry,
        )
        self.rate_limited = Counter(
            "gateway_rate_limited", "Requests over their caller's rate.", ["route"], registry=registry
        )
        self.denied = Counter(
            "gateway_denied",
            "Requests without the credentials they need.",
            ["route", "status"],
            registry=registry,
        )
        self.long_lived = Gauge(
            "gateway_long_lived_open",
            "WebSockets and event streams that are open.",
            ["route", "kind"],
            registry=registry,
        )
        self.long_lived_bytes = Counter(
            "gateway_long_lived_bytes",
            "Bytes that passed on WebSockets and event streams, behind their heads.",
            ["route", "kind", "direction"],
            registry=registry,
        )
        self.long_lived_ends = Counter(
            "gateway_long_lived_ends",
            "WebSockets and event streams that ended: by a side, or by a limit or a stop of the gateway.",
            ["route", "kind", "reason"],
            registry=registry,
        )
        self.malformed = Counter(
            "gateway_malformed",
            "Messages refused before they could be parsed as a request.",
            ["status"],
            registry=registry,
        )

    def add_composed_route(self, route: str) -> None:
        """Show a route's counters at 0, so that an alert sees the first documents as an increase."""
        self._composed.labels(route)
        self._partial.labels(route)

    def add_long_lived_route(self, route: str, kind: str, reasons: Iterable[str]) -> None:
        """Show the series of a route whose connections of this kind are kept open, at 0."""
        self.long_lived.labels(route, kind)
        for direction in ("to_client", "to_service"):
            self.long_lived_bytes.labels(route, kind, direction)
        for reason in reasons:
            self.long_lived_ends.labels(route, kind, reason)

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
