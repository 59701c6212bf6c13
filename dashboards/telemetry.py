"""The telemetry pipeline: whether it tells all it should, what it takes in, loses and costs."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.collector import COLLECTOR, QUEUE, passed_on, received
from dashboards.contract import contract
from dashboards.frame import new_dashboard, section
from dashboards.limits import UP, Limits
from dashboards.panels import NONE, lines, number
from dashboards.promql import or_zero
from dashboards.stores import rules, stored
from dashboards.targets import Prom
from dashboards.telemetry_cost import cost

TITLE = "Telemetry pipeline and its cost"
UID = "nextphase-telemetry"

_SERVICE = "{{service}}"


def build() -> Dashboard:
    board = new_dashboard(
        TITLE,
        UID,
        "Collector, Jaeger, Loki, Prometheus and Alertmanager: what arrives, what is lost, what it costs.",
    )
    for part in (_state, contract, received, passed_on, stored, rules, cost, _logs):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "Parts up",
            units.Short,
            Prom('min by (service) (up{job="telemetry", service!="collector-spans"})', _SERVICE),
            description="Whether Prometheus reaches each part.",
            limits=UP,
            width=12,
        ),
        number(
            "Lost by hops",
            units.Short,
            Prom(or_zero("sum(increase(telemetry_dropped_total[5m]))"), "lost"),
            description="Spans and log lines that hops dropped within 5 min, because the collector did not"
            " take them.",
            limits=Limits(amber=1, red=100),
        ),
        number(
            "Lost by the collector",
            units.Short,
            Prom(
                or_zero(
                    'sum(increase({__name__=~"otelcol_exporter_(send_failed|enqueue_failed|refused)_.+", '
                    f"{COLLECTOR}}}[5m]))"
                ),
                "lost",
            ),
            description="Records that a store refused, or that no queue had room for, within 5 min.",
            limits=Limits(amber=1, red=100),
        ),
        number(
            "Fullest queue",
            units.PercentUnit,
            Prom(f"max({QUEUE})", "full"),
            description="Records wait here while a store is down. When it is full, spans are dropped and"
            " senders of log lines wait.",
            limits=Limits(amber=0.5, red=0.9),
        ),
    )


def _logs(board: Dashboard) -> None:
    section(
        board,
        "Log lines",
        lines(
            "Warnings and errors of the pipeline",
            '{service_name=~"collector|jaeger|loki|prometheus|alertmanager"} | severity_number >= 13',
            description="What collector and stores complain about.",
            empty=NONE,
        ),
    )
