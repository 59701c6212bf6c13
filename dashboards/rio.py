"""The way of an event: outbox, relay, Rio, webhook."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.deliveries import DEAD, DELIVERED, MANY, delivered, latency, stopped, waiting
from dashboards.event_flows import flows
from dashboards.frame import new_dashboard, section
from dashboards.limits import Limits
from dashboards.panels import NONE, lines, number, series
from dashboards.promql import increase, or_zero, rate
from dashboards.targets import Prom

TITLE = "Rio and flows of events"
UID = "nextphase-rio"

_DATABASE = "{{database}}"
_WAITING = "subscription:waiting_messages:sum"
_OLD = Limits(amber=10, red=60)


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "Every step of an event: outbox, relay, acceptance, queue, delivery, event log."
    )
    board.link(links.board("rabbitmq", "RabbitMQ")).link(links.traces("rio")).link(links.logs("rio"))
    for part in (_state, _relaying, _accepting, delivered, latency, waiting, stopped, flows, _keeping):
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
            Prom(rate("rio_deliveries_total", "", DELIVERED, window="5m"), "delivered"),
            description="Deliveries confirmed per second: one for each event and subscription.",
            width=5,
        ),
        number(
            "Waiting",
            units.Short,
            Prom(f"sum({_WAITING})", "waiting"),
            description="Accepted and not delivered yet.",
            limits=MANY,
            width=4,
        ),
        number(
            "Dead letters",
            units.Short,
            Prom(or_zero(f"sum({DEAD})"), "dead letters"),
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
