"""The configuration files of the platform's own hops: gateway, Rio, relay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from compose.cli import environment, tokens
from compose.cli.catalog import Catalog, Service
from compose.cli.platform import DISPATCHER, Kept, Platform
from compose.cli.secrets import OPERATOR, RELAY, RIO, Secrets
from compose.cli.site import Address, Site

_HOUR = 3600


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
            "trusted_proxies": [site.reach("edge-nginx").host],
            "services": {service.name: {"timeout_seconds": service.timeout_seconds} for service in catalog},
            "auth": {
                "issuer": tokens.ISSUER,
                "audience": tokens.AUDIENCE,
                "jwks_file": str(Secrets(site.secrets).jwks),
            },
        }
    )


def rio(catalog: Catalog, platform: Platform, site: Site, dispatcher: int = 0) -> str:
    """rio.json, of its API and its first dispatcher; of others (from 1) one of the same with their port."""
    secrets = Secrets(site.secrets)
    settings = platform.rio
    return _json(
        {
            "api": _listen(site.listen("rio-api")),
            "dispatcher": _listen(site.listen(DISPATCHER, dispatcher)),
            "amqp_url": f"amqp://{RIO}@{site.reach('rabbitmq')}//",
            "amqp_password_file": str(secrets.rabbitmq),
            "database_url": environment.database_url(site, RIO, RIO),
            "services_url": site.reach("services-nginx").url,
            "credential_file": str(secrets.credential("rio")),
            "senders_file": str(secrets.senders),
            "webhook_key_file": str(secrets.webhook_key),
            "max_body_bytes": platform.edge.body_bytes,
            "senders": _senders(catalog),
            "emitters": {service.name: list(service.emits) for service in catalog if service.emits},
            "schemas": {name: schema for service in catalog for name, schema in service.schemas.items()},
            "subscriptions": [found for service in catalog for found in _subscriptions(service)],
            "sinks": {"allowed": list(settings.allowed_sinks)},
            "deduplication_seconds": settings.deduplication_hours * _HOUR,
            "event_log": _kept(settings.event_log),
            "dead_letters": _kept(settings.dead_letters),
            "deliveries": {
                "age_seconds": settings.deliveries.hours * _HOUR,
                "rows": settings.deliveries.rows,
            },
            "paused_megabytes": settings.paused_megabytes,
        }
    )


def rio_file(dispatcher: int) -> str:
    """Where the configuration of the dispatcher of that number (from 0) stands, below `config/`."""
    return "rio.json" if dispatcher == 0 else f"{DISPATCHER}-{dispatcher + 1}.json"


def _senders(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """Who may emit what: a service its own types, the relay those of all, an operator anything."""
    types = sorted({emitted for service in catalog for emitted in service.emits})
    return {
        **{service.name: {"types": list(service.emits)} for service in catalog},
        RELAY: {"types": types},
        OPERATOR: {"types": ["#"], "admin": True},
    }


def _kept(kept: Kept) -> dict[str, int]:
    return {"age_seconds": kept.hours * _HOUR, "megabytes": kept.megabytes}


def _subscriptions(service: Service) -> Iterator[dict[str, Any]]:
    """A subscription for each path, filters and policy that a service takes events with; the first has the
    service's name."""
    types: dict[str, list[str]] = {}
    for subscription in service.subscriptions:
        said = {"filters": subscription.filters, "config": subscription.config}
        how = {"sink": subscription.path} | {name: value for name, value in said.items() if value}
        types.setdefault(json.dumps(how, sort_keys=True), []).append(subscription.type)
    for number, (key, subscribed) in enumerate(types.items(), 1):
        name = service.name if number == 1 else f"{service.name}-{number}"
        yield {"id": name, "owner": service.name, "types": subscribed, **json.loads(key)}


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
