"""The configuration files of the platform's own hops: gateway, Rio, relay, console."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from compose.cli import environment, tokens
from compose.cli.catalog import Catalog, Service
from compose.cli.layout import DISPATCHERS, GATEWAY_PORTS, LOOPBACK
from compose.cli.platform import DISPATCHER, Kept, Platform
from compose.cli.secrets import OPERATOR, RELAY, RIO, VIEWER, Secrets
from compose.cli.site import Address, Site
from compose.cli.stores import Stores, headers_file

RIO_CATALOG = "rio-catalog.json"
"""Where the catalog's part of Rio's configuration stands, below `config/`."""
CATALOG = "catalog.json"
"""Where the catalog for readers stands, below `config/`."""

_HOUR = 3600
_LONGEST_NAME = 100
_DIGEST = 8


def spare_gateways(platform: Platform) -> range:
    """Ports of the gateway's spare, counted from the first of its block: as many processes as there is room
    for, at the end of it."""
    count = min(platform.gateway_processes, GATEWAY_PORTS - platform.gateway_processes)
    return range(GATEWAY_PORTS - count, GATEWAY_PORTS)


def gateway(catalog: Catalog, platform: Platform, site: Site, *, spare: bool = False) -> str:
    """gateway.json, gateway-spare.json: where its processes listen, and the services it composes from."""
    processes = spare_gateways(platform) if spare else range(platform.gateway_processes)
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


SPARE_DISPATCHER = DISPATCHERS
"""Number of the dispatcher that delivers while others are replaced."""


def rio(platform: Platform, site: Site, dispatcher: int = 0, ready: str = "rio-api-ready") -> str:
    """rio.json, of its API and its first dispatcher; of others (from 1) one of the same with their port.

    ready: the port (see layout.PORTS) where one process of the API, among those that share its own port, can
    be asked for its health.
    """
    secrets = Secrets(site.secrets)
    settings = platform.rio
    return _json(
        {
            "api": _listen(site.listen("rio-api")),
            "api_ready": _listen(site.listen(ready)),
            "dispatcher": _listen(site.listen(DISPATCHER, dispatcher)),
            "amqp_url": f"amqp://{RIO}@{site.reach('rabbitmq')}//",
            "amqp_password_file": str(secrets.rabbitmq),
            "database_url": environment.database_url(site, RIO, RIO),
            "services_url": site.reach("services-nginx").url,
            "credential_file": str(secrets.credential("rio")),
            "catalog_file": str(site.config / RIO_CATALOG),
            "senders_file": str(secrets.senders),
            "webhook_key_file": str(secrets.webhook_key),
            "max_body_bytes": platform.edge.body_bytes,
            "sinks": {"allowed": list(settings.allowed_sinks)},
            "deduplication_seconds": settings.deduplication_hours * _HOUR,
            "event_log": _kept(settings.event_log),
            "dead_letters": _kept(settings.dead_letters),
            "deliveries": {
                "age_seconds": settings.deliveries.hours * _HOUR,
                "rows": settings.deliveries.rows,
            },
            "waiting_megabytes": settings.waiting_megabytes,
        }
    )


def rio_catalog(catalog: Catalog) -> str:
    """The services' part of Rio's configuration; Rio's API reads the file again when it changes."""
    return _json(
        {
            "senders": _senders(catalog),
            "emitters": {service.name: list(service.emits) for service in catalog if service.emits},
            "schemas": {name: schema for service in catalog for name, schema in service.schemas.items()},
            "subscriptions": [found for service in catalog for found in _subscriptions(service)],
            "flows": [asdict(flow) for service in catalog for flow in service.flows],
        }
    )


def rio_file(dispatcher: int) -> str:
    """Where the configuration of the dispatcher of that number (from 0) stands, below `config/`."""
    return "rio.json" if dispatcher == 0 else f"{DISPATCHER}-{dispatcher + 1}.json"


def _senders(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """The rights of senders: a service emits its own types and reads those it subscribes to; the relay emits
    on behalf of services; an operator does everything; a viewer sees everything.
    """
    return {
        **{
            service.name: {
                "types": list(service.emits),
                "reads": sorted({subscription.type for subscription in service.subscriptions}),
            }
            for service in catalog
        },
        RELAY: {"relays": True},
        OPERATOR: {"types": ["#"], "reads": ["#"], "admin": True},
        VIEWER: {"viewer": True},
    }


def _kept(kept: Kept) -> dict[str, int]:
    return {"age_seconds": kept.hours * _HOUR, "megabytes": kept.megabytes}


def _subscriptions(service: Service) -> Iterator[dict[str, Any]]:
    """A subscription for each path, filters and policy that a service takes events with.

    A subscription's id says where its events go and in what order, so that a change of the manifest never
    leads events that wait for one path to another, nor changes whether a queue is ordered: `<service>` for
    `/<service>/events`, else with the path's words. Those that have all this in common differ in a digest.
    """
    types: dict[str, list[str]] = {}
    for subscription in service.subscriptions:
        said = {"filters": subscription.filters, "config": subscription.config}
        how = {"sink": subscription.path} | {name: value for name, value in said.items() if value}
        types.setdefault(json.dumps(how, sort_keys=True), []).append(subscription.type)
    names = {key: _subscription_name(service, json.loads(key)) for key in types}
    for key, subscribed in types.items():
        name = names[key]
        if len(name) > _LONGEST_NAME or list(names.values()).count(name) > 1:
            digest = hashlib.sha256(key.encode()).hexdigest()[:_DIGEST]
            name = f"{name[: _LONGEST_NAME - _DIGEST - 1]}-{digest}"
        yield {"id": name, "owner": service.name, "types": subscribed, **json.loads(key)}


def _subscription_name(service: Service, how: Mapping[str, Any]) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", how["sink"].removeprefix(f"/{service.name}/")).strip("-")
    name = service.name if words in ("events", "") else f"{service.name}-{words}"
    return f"{name}-ordered" if how.get("config", {}).get("ordered") else name


def relay(catalog: Catalog, site: Site, process: str = "relay") -> str:
    """relay.json, relay-spare.json: the databases whose outboxes it empties."""
    secrets = Secrets(site.secrets)
    return _json(
        {
            **_listen(site.listen(process)),
            "rio_url": site.reach("rio-api").url,
            "rio_token_file": str(secrets.sender(RELAY)),
            "operator_token_file": str(secrets.relay_operator),
            "databases": [
                {"name": service.name, "url": environment.database_url(site, RELAY, service.name)}
                for service in catalog.with_database
            ],
        }
    )


@dataclass(frozen=True)
class ConsoleFiles:
    """The console's files and addresses, by the paths at which it finds them.

    bundle: the folder of its built front end. dashboards: the folder of the generated ones.
    supervisor_socket: of process-compose; None where another program runs the processes. deployments: what
    was done to the instance; None where nothing writes that down. port: where a browser reaches it.
    operates: whether `nextphase console --operate` lets a browser act.
    """

    bundle: PurePath
    dashboards: PurePath
    supervisor_socket: PurePath | None
    deployments: PurePath | None
    port: int
    operates: bool


def console(platform: Platform, site: Site, stores: Stores, files: ConsoleFiles) -> str:
    """console.json: what it reads, and by what name it answers."""
    read = (stores.prometheus, stores.loki, stores.jaeger, stores.alertmanager)
    urls = {store.name: store.url for store in read}
    urls |= {"rio": site.reach("rio-api").url, "gateway": site.reach("edge-nginx").url}
    headers = {store.name: str(headers_file(site.secrets, store)) for store in read if store.headers}
    socket, secrets = files.supervisor_socket, Secrets(site.secrets)
    return _json(
        {
            "instance": site.instance,
            **_listen(site.listen("console")),
            "hosts": [f"{host}:{files.port}" for host in (LOOPBACK, "localhost")],
            "bundle": str(files.bundle),
            "dashboards": str(files.dashboards),
            "catalog_file": str(site.config / CATALOG),
            "supervisor_socket": None if socket is None else str(socket),
            "deployments_file": None if files.deployments is None else str(files.deployments),
            "stores": urls,
            "existing_stores": sorted(store.name for store in read if not store.is_ours),
            "store_headers_files": headers,
            "rio_token_file": str(secrets.sender(VIEWER)),
            "operator_token_file": str(secrets.sender(OPERATOR)) if files.operates else None,
            "operate_folder": str(secrets.operate) if files.operates else None,
            "show_payloads": platform.console.show_payloads,
            "stored_share": platform.sampling.least_stored,
        }
    )


def _listen(address: Address) -> dict[str, str | int]:
    return {"host": address.host, "port": address.port}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
