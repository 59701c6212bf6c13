from pathlib import Path

import pytest
import yaml

from compose.cli import names, targets
from compose.cli.catalog import Catalog
from compose.cli.errors import UsageError

ROOT = Path(__file__).parents[3]
GROUPS = [
    group
    for file in (ROOT / names.RULES).glob("*.yml")
    for group in yaml.safe_load(file.read_text())["groups"]
]


def test_hops_are_the_platforms_and_the_services() -> None:
    found = names.hops(ROOT)
    assert {*names.HOPS, *(service.name for service in Catalog.load(ROOT))} == set(found)
    assert found == sorted(found)


def test_alerts_are_those_of_the_rules() -> None:
    raised = [rule["alert"] for group in GROUPS for rule in group["rules"] if "alert" in rule]
    assert sorted(names.alerts(ROOT)) == sorted(raised)
    assert "HopDown" in raised


def test_whatever_alerts_are_about_has_a_name() -> None:
    labels = [rule.get("labels", {}) for group in GROUPS for rule in group["rules"] if "alert" in rule]
    said = {label["service"] for label in labels if "service" in label}
    assert said <= {*names.HOPS, *names.PARTS}
    assert set(targets._TELEMETRY) <= set(names.PARTS)


def test_a_mistyped_name_is_told_what_it_is_close_to() -> None:
    assert names.known("orders", ["orders"], "hop") == "orders"
    with pytest.raises(UsageError, match="'order' is no hop; did you mean 'orders'") as wrong:
        names.known("order", ["orders"], "hop")
    assert wrong.value.exit_code == 2
