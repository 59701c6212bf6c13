"""The platform as its readers want it, the console first: services, hops, events, and the calls that may be.

Names are those of `service.name`, and of the service graph's `client` and `server` labels
(`traces_service_graph_request_total`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from compose.cli import nginx
from compose.cli.catalog import Catalog, Service
from compose.cli.platform import Platform
from compose.cli.secrets import RELAY, RIO

GATEWAY = "gateway"
CONSOLE = "console"
_RABBITMQ = "rabbitmq"
_HEALTH = "/health/ready"

Call = tuple[str, str]

CALL_RULES = "prometheus/rules/allowed-calls.yml"
"""Where Prometheus' rules of the calls stand, below `config/`."""


def document(catalog: Catalog, platform: Platform) -> str:
    """catalog.json."""
    content = {
        "services": [_service(service) for service in catalog],
        "hops": _hops(platform),
        "calls": sorted({*calls(catalog), *messages(catalog)}),
    }
    return json.dumps(content, indent=2) + "\n"


def calls(catalog: Catalog) -> Iterator[Call]:
    """The calls that the architecture permits, each as client and server; whatever else is seen breaks it."""
    yield nginx.EDGE, GATEWAY
    yield GATEWAY, nginx.SERVICES
    yield RIO, nginx.SERVICES  # webhooks
    yield RELAY, RIO
    yield RIO, RIO  # from the API to the dispatcher, through a queue
    yield RIO, _RABBITMQ
    yield RIO, database_of(RIO)
    yield CONSOLE, RIO
    yield CONSOLE, nginx.EDGE
    for service in catalog:
        yield nginx.SERVICES, service.name
        if service.database:
            yield service.name, database_of(service.name)
            yield RELAY, database_of(service.name)
        if service.emits:
            yield service.name, RIO  # events that are in no transaction


def messages(catalog: Catalog) -> Iterator[Call]:
    """The ways of events, whatever hops carry them: from a service to Rio, from there to its subscribers."""
    for service in catalog:
        if service.emits:
            yield service.name, RIO
        if service.subscriptions:
            yield RIO, service.name


def database_of(owner: str) -> str:
    """The name that a database has in the service graph."""
    return f"postgresql/{owner}"


def call_rules(catalog: Catalog) -> str:
    """Prometheus' rules: a series `call:allowed:info` for each call that may be, for CallNotAllowed."""
    rules = [
        {"record": "call:allowed:info", "expr": "vector(1)", "labels": {"call": f"{client} -> {server}"}}
        for client, server in sorted(set(calls(catalog)))
    ]
    group = {"name": "allowed-calls", "interval": "1m", "rules": rules}
    return "# Made from the catalog.\n" + yaml.safe_dump({"groups": [group]}, sort_keys=False)


def _service(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "description": service.description,
        "framework": service.framework,
        "instances": service.instances,
        "processes": service.instance_names,
        "health": _HEALTH,
        "database": service.name if service.database else None,
        "emits": list(service.emits),
        "subscriptions": [
            {"type": subscription.type, "path": subscription.path} for subscription in service.subscriptions
        ],
    }


def _hops(platform: Platform) -> list[dict[str, Any]]:
    """The platform's own, in the order of a request's way."""
    dispatchers = platform.rio.dispatcher_names
    found = (
        (nginx.EDGE, "balances users over gateways, limits and bans", [nginx.EDGE]),
        (GATEWAY, "composes answers of services", [GATEWAY]),
        (nginx.SERVICES, "balances calls over services' instances, admits callers", [nginx.SERVICES]),
        (RELAY, "ships events from outboxes to Rio", [RELAY]),
        (RIO, "accepts events and delivers them to webhooks", ["rio-api", *dispatchers]),
        (CONSOLE, "shows all of it", [CONSOLE]),
    )
    return [
        {"name": name, "description": description, "processes": processes}
        for name, description, processes in found
    ]
