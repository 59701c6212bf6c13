"""The way of an event: outbox, relay, Rio, webhook."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import units

from dashboards.frame import new_dashboard
from dashboards.panels import Limits, Prom, lines, number, or_zero, series

TITLE = "Rio"
UID = "nextphase-rio"

_SUBSCRIPTION, _DATABASE = "{{subscription}}", "{{database}}"
_IN_QUEUES = "subscription:rabbitmq_waiting_messages:max"
_WAITING = "subscription:waiting_messages:sum"
_DEAD = "max by (subscription) (rio_dead_letters)"


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID)
    for part in (_state, _accepting, _delivering, _waiting, _keeping, _relaying, _rabbitmq):
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
        number("Waiting", units.Short, Prom(f"sum({_WAITING})"), limits=Limits(amber=100, red=1000), width=4)
    )
    board.with_panel(
        number(
            "Dead letters",
            units.Short,
            Prom(or_zero(f"sum({_DEAD})")),
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
            Prom(or_zero(_rate("rio_events_refused_total", "reason")), "{{reason}}"),
        )
    )
    board.with_panel(
        series(
            "Accepted without a subscription",
            units.EventsPerSecond,
            Prom(or_zero(_rate("rio_unrouted_total", "type")), "{{type}}"),
        )
    )
    board.with_panel(
        series(
            "In hand for RabbitMQ",
            units.Short,
            Prom("sum by (instance) (rio_publisher_messages)", "{{instance}}"),
            description="Messages that wait to be sent, or for their confirm.",
        )
    )
    board.with_panel(
        series(
            "Scheduled by type",
            units.EventsPerSecond,
            Prom(or_zero(_rate("rio_events_scheduled_total", "type")), "{{type}}"),
        )
    )
    board.with_panel(
        series(
            "Repeated",
            units.EventsPerSecond,
            Prom("sum(rate(rio_events_repeated_total[$__rate_interval]))", "repeated"),
            description="Accepted within the window already, and not dispatched again.",
        )
    )
    board.with_panel(
        series(
            "Malformed messages by status",
            units.RequestsPerSecond,
            Prom(or_zero(_rate("rio_malformed_total", "status")), "{{status}}"),
            description="Refused before they were a request.",
        )
    )


def _delivering(board: Dashboard) -> None:
    board.with_row(Row("Delivering"))
    board.with_panel(
        series(
            "Attempts by outcome",
            units.EventsPerSecond,
            Prom(_rate("rio_deliveries_total", "outcome"), "{{outcome}}"),
            Prom(_rate("rio_outcomes_not_kept_total", "reason"), "not kept: {{reason}}"),
        )
    )
    board.with_panel(
        series(
            "Attempts by status class",
            units.EventsPerSecond,
            Prom(_rate("rio_delivery_attempts_total", "status_class"), "{{status_class}}"),
            description="none: the sink gave no usable answer.",
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


def _waiting(board: Dashboard) -> None:
    board.with_row(Row("Waiting"))
    board.with_panel(
        series(
            "Waiting",
            units.Short,
            Prom(_IN_QUEUES, _SUBSCRIPTION),
            Prom("max by (subscription) (rio_held_messages)", f"{_SUBSCRIPTION} (behind a failing one)"),
            limits=Limits(amber=100, red=1000),
        )
    )
    board.with_panel(
        series(
            "Age of the oldest in hand",
            units.Seconds,
            Prom("max by (subscription) (rio_oldest_message_age_seconds)", _SUBSCRIPTION),
            Prom(
                "max by (subscription) (rio_held_oldest_message_age_seconds)",
                f"{_SUBSCRIPTION} (behind a failing one)",
            ),
            limits=Limits(amber=60, red=300),
        )
    )
    board.with_panel(
        series(
            "Dead letters",
            units.Short,
            Prom(or_zero(_DEAD), _SUBSCRIPTION),
            limits=Limits(amber=1, red=10),
        )
    )
    board.with_panel(
        series(
            "Circuits",
            units.Short,
            Prom("max by (subscription) (rio_circuit_state)", _SUBSCRIPTION),
            description="0 closed, 1 half open, 2 open: nothing is sent to the sink.",
            limits=Limits(amber=1, red=2),
        )
    )
    board.with_panel(
        series(
            "Paused",
            units.Short,
            Prom("max by (subscription) (rio_subscription_paused)", _SUBSCRIPTION),
            Prom(
                or_zero(_rate("rio_queue_overflow_total", "subscription")),
                f"{_SUBSCRIPTION} (given up a second, as too many wait)",
            ),
            limits=Limits(amber=1, red=2),
        )
    )
    board.with_panel(
        series(
            "Due for a subscription that is gone",
            units.Short,
            Prom(or_zero('sum(rabbitmq_detailed_queue_messages_ready{queue="rio.orphans"})'), "orphans"),
            Prom("sum(increase(rio_queues_lost_total[$__rate_interval]))", "queues that RabbitMQ lost"),
            limits=Limits(amber=1, red=100),
        )
    )


def _keeping(board: Dashboard) -> None:
    oldest = "time() - max(rio_event_log_oldest_timestamp_seconds > 0)"
    board.with_row(Row("Kept and sent again"))
    board.with_panel(
        series("Event log", units.Short, Prom("max(rio_event_log_events)", "events"), width=6),
    )
    board.with_panel(
        series("The event log reaches back", units.Seconds, Prom(or_zero(oldest), "oldest"), width=6)
    )
    board.with_panel(
        series(
            "Sent again",
            units.EventsPerSecond,
            Prom(
                or_zero(_rate("rio_events_replayed_total", "subscription, origin")),
                "{{subscription}} from {{origin}}",
            ),
            width=6,
        )
    )
    board.with_panel(
        series(
            "Dropped",
            units.Short,
            Prom(
                or_zero("sum by (table, reason) (increase(rio_retention_dropped_total[$__rate_interval]))"),
                "{{table}} by {{reason}}",
            ),
            Prom(
                "sum by (result) "
                '(increase(rio_recorded_deliveries_total{result=~"dropped|skipped"}[$__rate_interval]))',
                "attempts {{result}}",
            ),
            Prom("sum(increase(rio_seen_dropped_total[$__rate_interval]))", "not counted in the topology"),
            description="By retention, and what was not noted for people at all.",
            width=6,
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
            Prom(or_zero(_rate("relay_refused_total", "database")), f"{_DATABASE} (refused)"),
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
