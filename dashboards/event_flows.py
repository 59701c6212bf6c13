"""The panels of flows that the catalog's rules watch."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import section
from dashboards.panels import NONE, series
from dashboards.promql import QUANTILES, increase, quantile, rate
from dashboards.targets import Prom

_DURATIONS = rate("rio_flow_duration_seconds_bucket", "flow, le")


def flows(board: Dashboard) -> None:
    """How many are open, what became of the others, and how long they took."""
    section(
        board,
        "Flows that the catalog's rules watch",
        series(
            "Open flows",
            units.Short,
            Prom("max by (flow, step) (rio_flows_open)", "{{flow}} waits for {{step}}"),
            Prom("max by (flow, step) (rio_flows_overdue)", "{{flow}} waits too long for {{step}}"),
            description="Flows that have begun and not ended; `nextphase flows` lists them.",
            width=8,
        ),
        series(
            "Flows that ended",
            units.Short,
            Prom(increase("rio_flows_total", "flow, outcome"), "{{flow}} {{outcome}}"),
            description="Since the last point: complete, late (a step came too late) or broken (it did not).",
            width=8,
        ),
        series(
            "Time from the first event to the last",
            units.Seconds,
            *(
                Prom(quantile(level, _DURATIONS), f"{{{{flow}}}} {name}", exemplars=True)
                for level, name in QUANTILES
            ),
            empty=NONE,
            description="Of flows that ended, complete or late.",
            width=8,
        ),
    )
