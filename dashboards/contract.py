"""Panels of the contract of telemetry: whether each part tells of itself what it should."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import section
from dashboards.limits import ANY, Limits
from dashboards.panels import NONE, listing, number, series
from dashboards.promql import increase
from dashboards.targets import Prom

_STANDINGS = ("kept", "broken", "idle")


def _cells(standing: str, by: str) -> str:
    return f'sum by ({by}) (contract_cells{{standing="{standing}"}})'


def contract(board: Dashboard) -> None:
    """How the requirements of observability/contract.yaml stood in the last audit."""
    section(
        board,
        "Contract of telemetry",
        number(
            "Requirements not met",
            units.Short,
            Prom(_cells("broken", ""), "not met"),
            description="Spans, lines, metrics, alerts and dashboards that a part has to have by the contract"
            " and the last audit did not find. `nextphase audit` lists them.",
            limits=Limits(amber=1, red=5),
            empty="No audit yet",
        ),
        number(
            "Time since the last audit",
            units.Seconds,
            Prom("time() - max(contract_audit_timestamp_seconds > 0)", "since the audit"),
            description="The console audits every 5 min.",
            limits=Limits(amber=600, red=1200),
            empty="No audit yet",
        ),
        series(
            "Requirements by standing",
            units.Short,
            *(Prom(_cells(standing, ""), standing) for standing in _STANDINGS),
            description="Kept, broken, or idle: nothing has happened that the part had to tell of.",
            empty="No audit yet",
        ),
        series(
            "Audits that failed",
            units.Short,
            Prom(increase("contract_audits_failed_total", ""), "failed"),
            description="Audits that ended early, because a store did not answer.",
            limits=ANY,
        ),
        listing(
            "Requirements by part",
            [(standing, units.Short, Prom(_cells(standing, "part"))) for standing in _STANDINGS],
            description="How many each part meets, breaks, and had no cause to meet in the last audit.",
            width=12,
            empty="No audit yet",
        ),
        listing(
            "Requirements not met by part and signal",
            [("broken", units.Short, Prom(f"{_cells('broken', 'part, signal')} > 0"))],
            description="What ContractBroken tells of when it lasts for 10 min.",
            width=12,
            empty=NONE,
        ),
    )
