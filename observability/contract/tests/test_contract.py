"""Reading the contract: which sections a part has, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from observability.configuration.errors import FaultyDocument
from observability.contract import contract
from observability.contract.contract import Part, load

KINDS = """
kinds:
  service:
    metrics: [up]
    alerts: [HopDown]
    dashboards: [nextphase-service]
  python:
    frameworks: [flask]
    lines:
      - {name: access line, where: 'logger="access"', fields: [method], after: 'requests_total{s="{part}"}'}
  jvm: {frameworks: [spring-boot], metrics: [jvm_memory_used_bytes]}
  service with a database:
    spans:
      - {kind: client, name: "SELECT .*", attributes: [db.system.name], after: 'requests{s="{part}"}'}
  receiver of events: {metrics: ['rio_lag{subscription=~"{part}.*"}']}
parts:
  gateway: {metrics: [gateway_shed_total, {series: gateway_requests_total, after: nginx_requests_total}]}
  rio: {metrics: [rio_events_total]}
"""


def service(name: str = "orders", **given: Any) -> dict[str, Any]:
    return {"name": name, "framework": "flask", "database": None, "emits": [], "subscriptions": []} | given


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "contract.yaml"
    path.write_text(KINDS)
    monkeypatch.setattr(contract, "FILE", path)
    return path


def of(name: str, *services: dict[str, Any]) -> Part:
    (found,) = (part for part in load(services, ["gateway"]) if part.name == name)
    return found


def series(part: Part) -> tuple[str, ...]:
    return tuple(rule.series for rule in part.metrics)


@pytest.mark.usefixtures("written")
def test_a_service_has_what_its_kinds_have() -> None:
    found = of("orders", service(database="orders", subscriptions=[{"type": "a", "path": "/"}]))
    assert series(found) == ('up{service="orders"}', 'rio_lag{subscription=~"orders.*"}')
    assert [rule.after for rule in found.spans] == ['requests{s="orders"}']
    assert [rule.where for rule in found.lines] == ['logger="access"']
    assert (found.alerts, found.dashboards) == (("HopDown",), ("nextphase-service",))


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("framework", ["express", "service", "jvm", "hop"])
def test_of_an_unknown_framework_nothing_of_a_runtime_is_wanted(framework: str) -> None:
    found = of("billing", service("billing", framework=framework))
    assert series(found) == ('up{service="billing"}',)
    assert found.lines == ()


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("framework", ["spring-boot", "Spring Boot"])
def test_a_framework_of_another_language_has_its_own_kind(framework: str) -> None:
    found = of("stock", service("stock", framework=framework))
    assert series(found) == ('up{service="stock"}', 'jvm_memory_used_bytes{service="stock"}')
    assert found.lines == found.spans == ()


@pytest.mark.usefixtures("written")
def test_a_metric_may_come_with_traffic() -> None:
    assert [(rule.series, rule.after) for rule in of("gateway").metrics] == [
        ('gateway_shed_total{service="gateway"}', None),
        ('gateway_requests_total{service="gateway"}', "nginx_requests_total"),
    ]


@pytest.mark.usefixtures("written")
def test_parts_that_an_instance_has_not_are_left_out() -> None:
    assert [part.name for part in load([], ["gateway"])] == ["gateway"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("kind: client", "kind: inner", "kinds.service with a database.spans.0.kind"),
        ("gateway: {", "gateway: {kinds: [hop], ", "parts.gateway.kinds.0"),
        ("alerts: [HopDown]", "alarms: [HopDown]", "kinds.service"),
        ('name: "SELECT .*"', 'name: "SELECT ("', "kinds.service with a database.spans.0.name"),
        ("gateway: {", "Gateway: {", "parts"),
    ],
)
def test_a_wrong_contract_is_refused_with_its_line_and_field(
    written: Path, old: str, new: str, fault: str
) -> None:
    assert old in KINDS
    written.write_text(KINDS.replace(old, new))
    with pytest.raises(FaultyDocument) as refused:
        load([], ["gateway"])
    lines = [line for line in str(refused.value).splitlines() if "observability/contract.yaml:" in line]
    assert lines
    assert all(fault in line for line in lines)


def test_the_contract_itself_can_be_read() -> None:
    found = load([service(), service("stock", framework="spring-boot")], ["gateway", "rio", "relay"])
    assert {"gateway", "rio", "relay", "orders", "stock"} == {part.name for part in found}
