"""Prometheus and Alertmanager by their own tools; every alert is seen to fire and not to fire."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli import alert_rules
from compose.cli.toolbox import Toolbox
from dashboards.generate import GENERATED
from tests.config.programs import OBSERVABILITY

pytestmark = pytest.mark.config

PROMETHEUS = OBSERVABILITY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
SEVERITIES = {"critical", "warning", "none"}
#: It fires whatever happens: that is what it is for.
ALWAYS_FIRING = {"Watchdog"}


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts() -> Iterator[dict[str, Any]]:
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (rule for rule in group["rules"] if "alert" in rule)


def checks() -> Iterator[tuple[str, bool]]:
    """(alert, whether the check expects it to fire)"""
    for file in CASES:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for check in case["alert_rule_test"]:
                yield check["alertname"], bool(check["exp_alerts"])


def test_prometheus_configuration(toolbox: Toolbox, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text((PROMETHEUS / "prometheus.yml").read_text())
    (tmp_path / "rules").symlink_to(PROMETHEUS / "rules")
    for name in ["targets/hops", "targets/telemetry", "targets/platform", "alertmanagers/alertmanager"]:
        file = tmp_path / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text("[]")
    run(toolbox.promtool, "check", "config", tmp_path / "prometheus.yml")


def test_rules(toolbox: Toolbox) -> None:
    run(toolbox.promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_rules_fire_when_they_should(toolbox: Toolbox, cases: Path) -> None:
    run(toolbox.promtool, "test", "rules", cases)


def test_alertmanager_configuration(toolbox: Toolbox) -> None:
    run(toolbox.amtool, "check-config", OBSERVABILITY / "alertmanager/alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=HopDown severity=critical", "page"),
        ("alertname=RioDeadLetters severity=warning", "ticket"),
        ("alertname=Watchdog severity=none", "watchdog"),
    ],
)
def test_alerts_are_routed_by_severity(toolbox: Toolbox, labels: str, receiver: str) -> None:
    configuration = f"--config.file={OBSERVABILITY / 'alertmanager/alertmanager.yml'}"
    route = f"--verify.receivers={receiver}"
    run(toolbox.amtool, "config", "routes", "test", configuration, route, *labels.split())


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    names = {rule["alert"] for rule in alerts()}
    assert {name for name, fires in checks() if fires} == names
    assert {name for name, fires in checks() if not fires} == names - ALWAYS_FIRING


@pytest.mark.parametrize("rule", list(alerts()), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_how_bad_what_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"].keys() == {"summary", "description", "runbook", "dashboard_url"}
    assert rule["annotations"]["runbook"] == f"docs/operate.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("rule", list(alerts()), ids=lambda rule: str(rule["alert"]))
def test_every_alert_leads_to_a_dashboard_that_is_there(rule: dict[str, Any]) -> None:
    link = re.fullmatch(
        r"{{ \$externalLabels\.console_url }}/d/([a-z-]+)"
        r"(\?var-service=(?:{{ \$labels\.service }}|[a-z-]+))?",
        rule["annotations"]["dashboard_url"],
    )
    assert link
    board = json.loads((GENERATED / f"{link[1]}.json").read_text())
    variables = {variable["name"] for variable in board.get("templating", {}).get("list", ())}
    assert ("service" in variables) == bool(link[2])


def test_an_instances_alerts_lead_to_runbook_and_traces(toolbox: Toolbox, tmp_path: Path) -> None:
    copies = []
    for file in RULES:
        copies.append(copy := tmp_path / file.name)
        copy.write_text(alert_rules.with_links(file.read_text()))
    run(toolbox.promtool, "check", "rules", "--lint=all", "--lint-fatal", *copies)
    found = [
        rule
        for copy in copies
        for group in yaml.safe_load(copy.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert len(found) == len(list(alerts()))
    console = "{{ $externalLabels.console_url }}"
    for rule in found:
        assert rule["annotations"]["runbook_url"] == f"{console}/alerts?alert={rule['alert']}"
        assert re.fullmatch(
            re.escape(f"{console}/traces?service=")
            + r"(\*|{{ \$labels\.service }}|[a-z-]+)&(failed=true|least=1s)&from=now-1h&to=now",
            rule["annotations"]["traces_url"],
        )
    traces = {rule["alert"]: rule["annotations"]["traces_url"].partition("/traces?")[2] for rule in found}
    assert traces["HopDown"].startswith("service={{ $labels.service }}&failed=true&")
    assert traces["HighLatency"].startswith("service={{ $labels.service }}&least=1s&")
    assert traces["GatewayShedding"].startswith("service=gateway&failed=true&")
    assert traces["PostgresDown"].startswith("service=*&failed=true&")


def test_the_links_begin_where_the_console_is() -> None:
    """Prometheus takes the address from its environment, and sends it as no label to Alertmanager."""
    document = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert document["global"]["external_labels"] == {"console_url": "${CONSOLE_URL}"}
    assert document["alerting"]["alert_relabel_configs"] == [{"regex": "console_url", "action": "labeldrop"}]


def test_alertmanager_names_only_alerts_that_exist() -> None:
    text = (OBSERVABILITY / "alertmanager/alertmanager.yml").read_text()
    names = {rule["alert"] for rule in alerts()}
    for rule in yaml.safe_load(text)["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            label, _, value = matcher.partition("=")
            if label.strip() == "alertname":
                assert set(value.strip(' ~"').split("|")) <= names
