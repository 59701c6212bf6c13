"""Panels of Rio's deliveries: attempts, how long they take, what waits, what is stopped or lost."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import section
from dashboards.limits import CIRCUIT, PAUSED, SLOW_SECONDS, Limits
from dashboards.panels import NONE, series, states
from dashboards.promql import QUANTILES, increase, or_zero, quantile, rate
from dashboards.targets import Prom

DEAD = "max by (subscription, service) (rio_dead_letters)"
DELIVERED = 'outcome="delivered"'
MANY = Limits(amber=100, red=1000)
"""Of events that wait."""

_SUBSCRIPTION = "{{subscription}}"
_IN_QUEUES = "subscription:rabbitmq_waiting_messages:max"
_BY = "subscription, service"
_TO_SERVICE = links.of_label("service")


def delivered(board: Dashboard) -> None:
    """By outcome, by status and by subscription."""
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
            Prom(rate("rio_deliveries_total", _BY, DELIVERED), _SUBSCRIPTION),
            description="Deliveries confirmed per second.",
            links=_TO_SERVICE,
        ),
    )


def latency(board: Dashboard) -> None:
    """From accepted to delivered, and of one attempt."""
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


def waiting(board: Dashboard) -> None:
    """Events that wait, and those that were given up."""
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
            limits=MANY,
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
            Prom(DEAD, _SUBSCRIPTION),
            empty=NONE,
            description="Events given up after all attempts.",
            limits=Limits(amber=1, red=10),
            links=_TO_SERVICE,
        ),
    )


def stopped(board: Dashboard) -> None:
    """Circuits, pauses, and events that were lost."""
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
