"""The catalog's contents for its readers: services, events and permitted calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli import architecture, service_map
from compose.cli.catalog import Catalog
from compose.cli.platform import Platform
from compose.cli.tests import checkout


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Any]:
    root = checkout.make(tmp_path)
    read: dict[str, Any] = json.loads(architecture.document(Catalog.load(root), Platform.load(root)))
    return read


def test_a_service_is_told_with_its_events(found: dict[str, Any]) -> None:
    accounts, mails = found["services"]
    assert (accounts["name"], accounts["framework"], accounts["emits"]) == (
        "accounts",
        "flask",
        ["account.created"],
    )
    assert mails["subscriptions"] == [{"type": "account.created", "path": "/mails/events"}]
    assert (mails["instances"], mails["processes"]) == (2, ["mails", "mails-2"])
    assert mails["database"] == "mails"


def test_no_service_may_call_another(found: dict[str, Any]) -> None:
    services = {service["name"] for service in found["services"]}
    assert services == {"accounts", "mails"}
    called = {server for client, server in found["calls"] if client in services}
    assert called == {"postgresql/accounts", "postgresql/mails", "rio"}
    assert ["mails", "rio"] not in found["calls"]  # it emits nothing


def test_every_service_is_called_by_services_nginx_alone(found: dict[str, Any]) -> None:
    for service in found["services"]:
        callers = {client for client, server in found["calls"] if server == service["name"]}
        assert callers - {"rio"} == {"services-nginx"}
        assert ("rio" in callers) == bool(service["subscriptions"])


def test_what_calls_and_is_called_is_told(found: dict[str, Any]) -> None:
    named = {part["name"] for part in (*found["services"], *found["hops"])}
    databases = {"postgresql/accounts", "postgresql/mails", "postgresql/rio"}
    assert {name for call in found["calls"] for name in call} == named | databases | {"rabbitmq"}


def test_prometheus_knows_the_calls_that_may_be(tmp_path: Path) -> None:
    catalog = Catalog.load(checkout.make(tmp_path))
    (group,) = yaml.safe_load(architecture.call_rules(catalog))["groups"]
    told = {rule["labels"]["call"] for rule in group["rules"] if rule["record"] == "call:allowed:info"}
    assert told == {f"{client} -> {server}" for client, server in architecture.calls(catalog)}
    assert {"services-nginx -> mails", "console -> edge-nginx"} <= told
    assert not any(call.startswith("mails -> accounts") for call in told)


def test_what_there_should_be_may_be(tmp_path: Path) -> None:
    catalog = Catalog.load(checkout.make(tmp_path))
    assert set(service_map.expected(catalog)) <= set(architecture.calls(catalog))
