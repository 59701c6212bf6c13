"""The relay's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """The relay's metrics, each by database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shipped = Counter(
            "relay_shipped_total", "Events Rio has taken.", ["database"], registry=registry
        )
        self.refused = Counter(
            "relay_refused_total", "Events Rio refused for good.", ["database"], registry=registry
        )
        self.rows = Gauge(
            "relay_outbox_rows", "Rows in the outbox, up to 100000.", ["database"], registry=registry
        )
        self.oldest_seconds = Gauge(
            "relay_outbox_oldest_seconds", "Age of the oldest row.", ["database"], registry=registry
        )
        self.blocked = Gauge(
            "relay_blocked_rows",
            "Rows refused, and rows behind them, among the first 100000.",
            ["database"],
            registry=registry,
        )
