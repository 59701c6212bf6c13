"""The way of an event: outbox, relay, Rio, webhook."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import units

from dashboards.frame import new_dashboard
from dashboards.panels import Limits, Prom, lines, number, series

TITLE = "Rio"
UID = "nextphase-rio"

_SUBSCRIPTION, _DATABASE = "{{subscription}}", "{{database}}"
_BACKLOG = "max by (subscription) (rio_backlog_messages)"
_DEAD = "max by (subscription) (rio_dead_letters)"


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID)
    for part in (_state, _accepting, _delivering, _relaying, _rabbitmq):
        part(board)
    return board.with_panel(lines("Every event's states, a line each", '{service_name="rio"}'))


def _state(board: Dashboard) -> None:
    board.with_row(Row("State"))
    board.with_panel(
        number("Accepted", units.EventsPerSecond, Prom("sum(rate(rio_events_accepted_total[5m]))"), width=5)
    )
    board.with_panel(
        number(
            "Delivered",
            units.EventsPerSecond,
            Prom('sum(rate(rio_deliveries_total{outcome="delivered"}[5m]))'),
            width=5,
        )
    )
    board.with_panel(
        number("Waiting", units.Short, Prom(f"sum({_BACKLOG})"), limits=Limits(amber=100, red=1000), width=4)
    )
    board.with_panel(
        number(
            "Dead letters",
            units.Short,
            Prom(f"sum({_DEAD}) or vector(0)"),
            limits=Limits(amber=1, red=10),
            width=5,
        )
    )
    board.with_panel(
        number(
            "Oldest in an outbox",
            units.Seconds,
            Prom("max(relay_outbox_oldest_seconds)"),
            limits=Limits(amber=10, red=60),
            width=5,
        )
    )


def _accepting(board: Dashboard) -> None:
    board.with_row(Row("Accepting"))
    board.with_panel(
        series(
            "Accepted by type",
            units.EventsPerSecond,
            Prom(_rate("rio_events_accepted_total", "type"), "{{type}}"),
        )
    )
    board.with_panel(
        series(
            "Refused by reason",
            units.EventsPerSecond,
            Prom(f"{_rate('rio_events_refused_total', 'reason')} or vector(0)", "{{reason}}"),
        )
    )
    board.with_panel(
        series(
            "Accepted, but nobody subscribes",
            units.EventsPerSecond,
            Prom(f"{_rate('rio_unrouted_total', 'type')} or vector(0)", "{{type}}"),
        )
    )


def _delivering(board: Dashboard) -> None:
    board.with_row(Row("Delivering"))
    board.with_panel(
        series(
            "Attempts by outcome",
            units.EventsPerSecond,
            Prom(_rate("rio_deliveries_total", "outcome"), "{{outcome}}"),
        )
    )
    board.with_panel(
        series(
            "Delivered by subscription",
            units.EventsPerSecond,
            Prom(_rate('rio_deliveries_total{outcome="delivered"}', "subscription"), _SUBSCRIPTION),
        )
    )
    board.with_panel(
        series(
            "Attempt duration p95",
            units.Seconds,
            Prom(_quantile(0.95, "rio_delivery_attempt_duration_seconds"), _SUBSCRIPTION, exemplars=True),
            limits=Limits(amber=0.5, red=1),
        )
    )
    for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        board.with_panel(
            series(
                f"From accepted to delivered, {name}",
                units.Seconds,
                Prom(_quantile(share, "rio_delivery_latency_seconds"), _SUBSCRIPTION, exemplars=True),
                description="The dots are traces.",
                limits=Limits(amber=2, red=10),
            )
        )
    board.with_panel(
        series(
            "Waiting",
            units.Short,
            Prom(_BACKLOG, _SUBSCRIPTION),
            limits=Limits(amber=100, red=1000),
            width=12,
        )
    )
    board.with_panel(
        series(
            "Dead letters",
            units.Short,
            Prom(f"{_DEAD} or vector(0)", _SUBSCRIPTION),
            limits=Limits(amber=1, red=10),
            width=12,
        )
    )


def _quantile(share: float, histogram: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{histogram}_bucket', 'subscription, le')})"


def _relaying(board: Dashboard) -> None:
    board.with_row(Row("Relay"))
    board.with_panel(
        series(
            "Shipped",
            units.EventsPerSecond,
            Prom(_rate("relay_shipped_total", "database"), _DATABASE),
            width=6,
        )
    )
    board.with_panel(series("Rows in the outbox", units.Short, Prom("relay_outbox_rows", _DATABASE), width=6))
    board.with_panel(
        series(
            "Age of the oldest row",
            units.Seconds,
            Prom("relay_outbox_oldest_seconds", _DATABASE),
            limits=Limits(amber=10, red=60),
            width=6,
        )
    )
    board.with_panel(
        series(
            "Rows refused or behind one",
            units.Short,
            Prom("relay_blocked_rows", _DATABASE),
            limits=Limits(amber=1, red=10),
            width=6,
        )
    )


def _rabbitmq(board: Dashboard) -> None:
    board.with_row(Row("RabbitMQ"))
    board.with_panel(
        series(
            "Messages",
            units.Short,
            Prom("sum(rabbitmq_queue_messages_ready)", "ready"),
            Prom("sum(rabbitmq_queue_messages_unacked)", "in delivery"),
        )
    )
    board.with_panel(
        series("Memory", units.BytesIEC, Prom("rabbitmq_process_resident_memory_bytes", "resident"), width=8)
    )
    board.with_panel(
        series("Connections", units.Short, Prom("rabbitmq_connections", "{{instance}}"), width=8)
    )
