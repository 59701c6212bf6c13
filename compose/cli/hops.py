"""The configuration files of the platform's own hops: gateway, Rio, relay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from compose.cli import environment
from compose.cli.catalog import Catalog, Service
from compose.cli.platform import Platform
from compose.cli.secrets import RELAY, RIO, Secrets
from compose.cli.site import Address, Site


def gateway(catalog: Catalog, platform: Platform, site: Site) -> str:
    """gateway.json: where its processes listen, and the services it composes answers from."""
    processes = range(platform.gateway_processes)
    return _json(
        {
            "host": site.listen("gateway").host,
            "ports": [site.listen("gateway", number).port for number in processes],
            "metrics_ports": [site.listen("gateway-metrics", number).port for number in processes],
            "services_url": site.reach("services-nginx").url,
            "credential_file": str(Secrets(site.secrets).credential("gateway")),
            "services": {service.name: {"timeout_seconds": service.timeout_seconds} for service in catalog},
        }
    )


def rio(catalog: Catalog, platform: Platform, site: Site) -> str:
    """rio.json, of its API and its dispatcher."""
    secrets = Secrets(site.secrets)
    return _json(
        {
            "api": _listen(site.listen("rio-api")),
            "dispatcher": _listen(site.listen("rio-dispatcher")),
            "amqp_url": f"amqp://{RIO}@{site.reach('rabbitmq')}//",
            "amqp_password_file": str(secrets.rabbitmq),
            "database_url": environment.database_url(site, RIO, RIO),
            "services_url": site.reach("services-nginx").url,
            "credential_file": str(secrets.credential("rio")),
            "senders_file": str(secrets.senders),
            "max_body_bytes": platform.edge.body_bytes,
            "subscriptions": [found for service in catalog for found in _subscriptions(service)],
        }
    )


def _subscriptions(service: Service) -> Iterator[dict[str, Any]]:
    """A subscription for each path that a service takes events at; the first has the service's name."""
    types: dict[str, list[str]] = {}
    for subscription in service.subscriptions:
        types.setdefault(subscription.path, []).append(subscription.type)
    for number, path in enumerate(types, 1):
        name = service.name if number == 1 else f"{service.name}-{number}"
        yield {"id": name, "types": types[path], "sink": path}


def relay(catalog: Catalog, site: Site) -> str:
    """relay.json: the databases whose outboxes it empties."""
    return _json(
        {
            **_listen(site.listen("relay")),
            "rio_url": site.reach("rio-api").url,
            "rio_token_file": str(Secrets(site.secrets).sender(RELAY)),
            "databases": [
                {"name": service.name, "url": environment.database_url(site, RELAY, service.name)}
                for service in catalog.with_database
            ],
        }
    )


def _listen(address: Address) -> dict[str, str | int]:
    return {"host": address.host, "port": address.port}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
