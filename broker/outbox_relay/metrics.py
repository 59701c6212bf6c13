"""The relay's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """The relay's metrics, each by database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shipped = Counter(
            "relay_shipped_total", "Events that Rio accepted.", ["database"], registry=registry
        )
        self.refused = Counter(
            "relay_refused_total", "Events that Rio refused for good.", ["database"], registry=registry
        )
        self.rows = Gauge(
            "relay_outbox_rows", "Rows in the outbox, counted up to 100000.", ["database"], registry=registry
        )
        self.oldest_seconds = Gauge(
            "relay_outbox_oldest_seconds", "Age of the outbox's oldest row.", ["database"], registry=registry
        )
        self.blocked = Gauge(
            "relay_blocked_rows",
            "Rows that Rio refused and rows that wait behind them, among the first 100000.",
            ["database"],
            registry=registry,
        )
