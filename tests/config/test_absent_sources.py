"""No alert stays silent because the process that would tell of it died: another alert tells of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from compose.cli.toolbox import Toolbox
from tests.config.test_counters import expressions
from tests.config.test_prometheus import ALWAYS_FIRING, RULES, alerts, run
from tests.promql import selectors

pytestmark = pytest.mark.config


@dataclass(frozen=True)
class Source:
    """A target of Prometheus, by its labels: it exports metrics whose names begin with one of `prefixes`."""

    prefixes: tuple[str, ...]
    job: str
    service: str
    instance: str

    @property
    def labels(self) -> str:
        return f'{{job="{self.job}",service="{self.service}",instance="{self.instance}"}}'


OF_EVERY_HOP = (
    "http_server_",
    "health_",
    "telemetry_",
    "measurement_",
    "process_",
    "jvm_",
    "hikaricp_",
    "python_",
)
#: Of several that export the same metrics, one: the others are told of in the same way.
SOURCES = [
    Source(OF_EVERY_HOP, "hop", "accounts", "accounts-1"),
    Source(("gateway_",), "hop", "gateway", "gateway-1"),
    Source(("rio_",), "hop", "rio", "rio-dispatcher"),
    Source(("relay_",), "hop", "relay", "relay"),
    Source(("contract_",), "hop", "console", "console"),
    Source(("rabbitmq_detailed_",), "queues", "rabbitmq", "rabbitmq"),
    Source(("rabbitmq_",), "platform", "rabbitmq", "rabbitmq"),
    Source(("otelcol_",), "telemetry", "collector", "collector"),
    Source(("traces_", "system_", "postgresql_", "httpcheck_"), "telemetry", "collector", "collector-spans"),
    Source(("alertmanager_",), "telemetry", "alertmanager", "alertmanager"),
    Source(("disk_",), "telemetry", "disk-limits", "disk-limits"),
]
#: What Prometheus itself knows. That Prometheus is gone is told by the alert that no longer comes.
OF_PROMETHEUS = ("prometheus_", "scrape_", "up")
#: Made by `up` from the catalog, and there as long as Prometheus is.
CONSTANT = "call:allowed:info"


def exported(query: str, recorded: dict[str, str]) -> Iterator[str]:
    """The names of the metrics that a query is over; those that rules record by what they are recorded of."""
    for selector in selectors(query):
        if selector.name in recorded:
            yield from exported(recorded[selector.name], recorded)
        elif selector.name != CONSTANT:
            yield selector.name


def test_it_is_known_who_exports_what_alerts_are_over() -> None:
    recorded = dict(expressions())
    prefixes = (*OF_PROMETHEUS, *(prefix for source in SOURCES for prefix in source.prefixes))
    unknown = {
        (rule["alert"], name)
        for rule in alerts()
        for name in exported(rule["expr"], recorded)
        if not name.startswith(prefixes)
    }
    assert unknown == set()
    assert {rule["alert"] for rule in alerts()} >= ALWAYS_FIRING


def test_an_alert_tells_of_each_that_exports_nothing_any_more(toolbox: Toolbox, tmp_path: Path) -> None:
    """Each is scraped for ten minutes and then is not."""

    def case(source: Source) -> dict[str, object]:
        # A hop whose last process is gone is told of as a whole.
        label, value = ("service", source.service) if source.job == "hop" else ("instance", source.instance)
        firing = f'count(ALERTS{{alertstate="firing",{label}="{value}"}}) > bool 0'
        return {
            "name": f"{source.instance} ({source.job})",
            "interval": "15s",
            "input_series": [{"series": f"up{source.labels}", "values": "1x40 0x20"}],
            "promql_expr_test": [
                {"expr": firing, "eval_time": "9m", "exp_samples": []},
                {"expr": firing, "eval_time": "13m", "exp_samples": [{"labels": "{}", "value": 1}]},
            ],
        }

    document = {
        "rule_files": [str(file) for file in RULES],
        "evaluation_interval": "15s",
        "tests": [case(source) for source in SOURCES],
    }
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(document))
    run(toolbox.promtool, "test", "rules", tmp_path / "cases.yml")


def test_what_the_collector_measures_is_missed_while_it_answers() -> None:
    """By one metric of each of its receivers that an alert is over; spans it only counts."""
    recorded = dict(expressions())
    (collector,) = (source for source in SOURCES if source.instance == "collector-spans")
    measured = [prefix for prefix in collector.prefixes if prefix != "traces_"]
    missed = {selector.name for selector in selectors(recorded["MeasurementMissing"])}
    assert {prefix for prefix in measured if any(name.startswith(prefix) for name in missed)} == set(measured)
