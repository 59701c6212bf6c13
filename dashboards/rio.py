"""The way of an event: outbox, relay, Rio, webhook."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import CIRCUIT, PAUSED, SLOW_SECONDS, Limits
from dashboards.panels import NONE, lines, number, series, states
from dashboards.promql import QUANTILES, increase, or_zero, quantile, rate
from dashboards.targets import Prom

TITLE = "Rio and flows of events"
UID = "nextphase-rio"

_SUBSCRIPTION, _DATABASE = "{{subscription}}", "{{database}}"
_IN_QUEUES = "subscription:rabbitmq_waiting_messages:max"
_WAITING = "subscription:waiting_messages:sum"
_DEAD = "max by (subscription, service) (rio_dead_letters)"
_DELIVERED = 'outcome="delivered"'
_BY = "subscription, service"
_TO_SERVICE = links.of_label("service")
_MANY, _OLD = Limits(amber=100, red=1000), Limits(amber=10, red=60)


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "Every step of an event: outbox, relay, acceptance, queue, delivery, event log."
    )
    board.link(links.board("rabbitmq", "RabbitMQ")).link(links.traces("rio")).link(links.logs("rio"))
    for part in (_state, _relaying, _accepting, _delivering, _latency, _waiting, _stopped, _keeping):
        part(board)
    section(
        board,
        "Log lines",
        lines(
            "States of every event",
            '{service_name="rio"}',
            description="One line for each state that an event reaches; each leads to its trace.",
        ),
    )
    return board


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "Accepted",
            units.EventsPerSecond,
            Prom(rate("rio_events_accepted_total", "", window="5m"), "accepted"),
            description="Events that Rio has taken responsibility for per second, over 5 min.",
            width=5,
        ),
        number(
            "Delivered",
            units.EventsPerSecond,
            Prom(rate("rio_deliveries_total", "", _DELIVERED, window="5m"), "delivered"),
            description="Deliveries confirmed per second: one for each event and subscription.",
            width=5,
        ),
        number(
            "Waiting",
            units.Short,
            Prom(f"sum({_WAITING})", "waiting"),
            description="Accepted and not delivered yet.",
            limits=_MANY,
            width=4,
        ),
        number(
            "Dead letters",
            units.Short,
            Prom(or_zero(f"sum({_DEAD})"), "dead letters"),
            description="Events given up after all attempts. They are kept: retry or discard them.",
            limits=Limits(amber=1, red=10),
            width=5,
        ),
        number(
            "Oldest in an outbox",
            units.Seconds,
            Prom("max(relay_outbox_oldest_seconds)", "oldest"),
            description="How long a service's event has waited to be passed to Rio.",
            limits=_OLD,
            width=5,
        ),
    )


def _relaying(board: Dashboard) -> None:
    section(
        board,
        "From the services' outboxes",
        series(
            "Passed to Rio",
            units.EventsPerSecond,
            Prom(rate("relay_shipped_total", "database"), _DATABASE),
            Prom(rate("relay_refused_total", "database"), f"{_DATABASE} (refused)"),
            empty=NONE,
            description="Events per second, by the database whose outbox they were in.",
            width=6,
        ),
        series(
            "Rows in the outbox",
            units.Short,
            Prom("relay_outbox_rows", _DATABASE),
            description="Events written and not passed on yet.",
            width=6,
        ),
        series(
            "Age of the oldest row",
            units.Seconds,
            Prom("relay_outbox_oldest_seconds", _DATABASE),
            description="It grows while Rio does not accept, or the relay does not run.",
            limits=_OLD,
            width=6,
        ),
        series(
            "Rows refused or behind one",
            units.Short,
            Prom("relay_blocked_rows", _DATABASE),
            description="Events that Rio refused for good, and later ones of the same key. See `outbox"
            " list`.",
            limits=Limits(amber=1, red=10),
            width=6,
        ),
    )


def _accepting(board: Dashboard) -> None:
    section(
        board,
        "Accepted",
        series(
            "Accepted by type",
            units.EventsPerSecond,
            Prom(rate("rio_events_accepted_total", "type"), "{{type}}"),
            description="Events stored and confirmed per second.",
        ),
        series(
            "Refused by reason",
            units.EventsPerSecond,
            Prom(rate("rio_events_refused_total", "reason"), "{{reason}}"),
            empty=NONE,
            description="Events per second that Rio did not accept; their sender was told why.",
        ),
        series(
            "Accepted without a subscription",
            units.EventsPerSecond,
            Prom(rate("rio_unrouted_total", "type"), "{{type}}"),
            empty=NONE,
            description="Events per second of a type without subscriptions: the event log has them.",
        ),
        series(
            "Messages on their way to RabbitMQ",
            units.Short,
            Prom("sum by (instance) (rio_publisher_messages)", "{{instance}}"),
            description="Messages that wait to be sent, or for their confirm.",
            width=6,
        ),
        series(
            "Scheduled by type",
            units.EventsPerSecond,
            Prom(rate("rio_events_scheduled_total", "type"), "{{type}}"),
            empty=NONE,
            description="Events per second that are to be delivered later.",
            width=6,
        ),
        series(
            "Repeated",
            units.EventsPerSecond,
            Prom(rate("rio_events_repeated_total", ""), "repeated"),
            description="Accepted within the window already, and not dispatched again.",
            width=6,
        ),
        series(
            "Malformed messages by status",
            units.RequestsPerSecond,
            Prom(rate("rio_malformed_total", "status"), "{{status}}"),
            empty=NONE,
            description="Refused before they were a request.",
            width=6,
        ),
    )


def _delivering(board: Dashboard) -> None:
    section(
        board,
        "Delivered",
        series(
            "Attempts by outcome",
            units.EventsPerSecond,
            Prom(rate("rio_deliveries_total", "outcome"), "{{outcome}}"),
            Prom(rate("rio_outcomes_not_kept_total", "reason"), "not kept: {{reason}}"),
            description="What each attempt led to; not kept: it could not be written down, and is made"
            " again.",
        ),
        series(
            "Attempts by status class",
            units.EventsPerSecond,
            Prom(rate("rio_delivery_attempts_total", "status_class"), "{{status_class}}"),
            description="What the webhooks answered. none: the sink gave no usable answer.",
        ),
        series(
            "Delivered by subscription",
            units.EventsPerSecond,
            Prom(rate("rio_deliveries_total", _BY, _DELIVERED), _SUBSCRIPTION),
            description="Deliveries confirmed per second.",
            links=_TO_SERVICE,
        ),
    )


def _latency(board: Dashboard) -> None:
    attempts = rate("rio_delivery_attempt_duration_seconds_bucket", f"{_BY}, le")
    latency = rate("rio_delivery_latency_seconds_bucket", f"{_BY}, le")
    section(
        board,
        "Duration of deliveries",
        *(
            series(
                f"From accepted to delivered, {name}",
                units.Seconds,
                Prom(quantile(level, latency), _SUBSCRIPTION, exemplars=True),
                description="Waiting and repeated attempts included. The dots are traces.",
                limits=Limits(amber=2, red=10),
                links=_TO_SERVICE,
                width=6,
            )
            for level, name in QUANTILES
        ),
        series(
            "Attempt duration p95",
            units.Seconds,
            Prom(quantile(0.95, attempts), _SUBSCRIPTION, exemplars=True),
            description="How long webhooks take to answer. The dots are traces.",
            limits=SLOW_SECONDS,
            links=_TO_SERVICE,
            width=6,
        ),
    )


def _waiting(board: Dashboard) -> None:
    behind = f"{_SUBSCRIPTION} (behind a failing one)"
    section(
        board,
        "Waiting",
        series(
            "Waiting by subscription",
            units.Short,
            Prom(_IN_QUEUES, _SUBSCRIPTION),
            Prom(f"max by ({_BY}) (rio_held_messages)", behind),
            description="Events accepted and not delivered; of ordered subscriptions, those behind a"
            " failing one.",
            limits=_MANY,
            links=_TO_SERVICE,
        ),
        series(
            "Age of the oldest in hand",
            units.Seconds,
            Prom(f"max by ({_BY}) (rio_oldest_message_age_seconds)", _SUBSCRIPTION),
            Prom(f"max by ({_BY}) (rio_held_oldest_message_age_seconds)", behind),
            description="How long the event that has waited longest has been under way.",
            limits=Limits(amber=60, red=300),
            links=_TO_SERVICE,
        ),
        series(
            "Dead letters by subscription",
            units.Short,
            Prom(_DEAD, _SUBSCRIPTION),
            empty=NONE,
            description="Events given up after all attempts.",
            limits=Limits(amber=1, red=10),
            links=_TO_SERVICE,
        ),
    )


def _stopped(board: Dashboard) -> None:
    section(
        board,
        "Stopped and lost",
        states(
            "Circuit of each subscription",
            Prom(f"max by ({_BY}) (rio_circuit_state)", _SUBSCRIPTION),
            CIRCUIT,
            description="Open: nothing is sent to the sink. Half open: one event tries whether it is well"
            " again.",
            links=_TO_SERVICE,
            width=6,
        ),
        states(
            "Paused subscriptions",
            Prom(f"max by ({_BY}) (rio_subscription_paused)", _SUBSCRIPTION),
            PAUSED,
            description="An operator has paused it: its events wait.",
            links=_TO_SERVICE,
            width=6,
        ),
        series(
            "Given up because too many wait",
            units.EventsPerSecond,
            Prom(rate("rio_queue_overflow_total", _BY), _SUBSCRIPTION),
            empty=NONE,
            description="Oldest events of a full queue, per second.",
            limits=Limits(amber=0.01, red=1),
            links=_TO_SERVICE,
            width=6,
        ),
        series(
            "Due for a subscription that is gone",
            units.Short,
            Prom(or_zero('sum(rabbitmq_detailed_queue_messages_ready{queue="rio.orphans"})'), "orphans"),
            Prom(increase("rio_queues_lost_total", ""), "queues that RabbitMQ lost"),
            description="Scheduled events whose subscription was removed, and queues that had to be made"
            " again.",
            limits=Limits(amber=1, red=100),
            width=6,
        ),
    )


def _keeping(board: Dashboard) -> None:
    oldest = "time() - max(rio_event_log_oldest_timestamp_seconds > 0)"
    section(
        board,
        "Event log and replays",
        series(
            "Events in the event log",
            units.Short,
            Prom("max(rio_event_log_events)", "events"),
            description="What a replay can send again.",
            width=6,
        ),
        series(
            "Age of the event log",
            units.Seconds,
            Prom(or_zero(oldest), "oldest"),
            description="How far back a replay can begin.",
            width=6,
        ),
        series(
            "Replayed",
            units.EventsPerSecond,
            Prom(
                rate("rio_events_replayed_total", "subscription, origin"),
                "{{subscription}} from {{origin}}",
            ),
            empty=NONE,
            description="Events sent again per second, from the event log or from dead letters.",
            width=6,
        ),
        series(
            "Removed",
            units.Short,
            Prom(increase("rio_retention_dropped_total", "table, reason"), "{{table}} by {{reason}}"),
            Prom(
                increase("rio_recorded_deliveries_total", "result", 'result=~"dropped|skipped"'),
                "attempts {{result}}",
            ),
            Prom(increase("rio_seen_dropped_total", ""), "not counted in the topology"),
            empty=NONE,
            description="By retention, and what was not recorded at all.",
            width=6,
        ),
    )
