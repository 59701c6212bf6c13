"""Prometheus's scrape targets and Alertmanager addresses, as file_sd documents.

Every target carries `job` (its kind), `service` and `instance`; Prometheus adds nothing of its own.
"""

from __future__ import annotations

import json

from compose.cli import disk_limits, nginx
from compose.cli.catalog import Catalog
from compose.cli.platform import DISPATCHER, Platform
from compose.cli.site import Address, Site
from compose.cli.stores import Stores

Group = dict[str, list[str] | dict[str, str]]

# label `service` -> the port that shows its metrics
_TELEMETRY = {
    "collector": "collector-metrics",
    "collector-spans": "collector-span-metrics",
    "jaeger": "jaeger-metrics",
    "loki": "loki",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    disk_limits.NAME: disk_limits.NAME,
}


def hops(catalog: Catalog, platform: Platform, site: Site) -> str:
    """targets/hops.json: one target a process, since each has a registry of its own."""
    groups = [
        _group("hop", name, name, site.reach(f"{name}-status")) for name in (nginx.EDGE, nginx.SERVICES)
    ]
    groups += [
        _group("hop", "gateway", f"gateway-{number + 1}", site.reach("gateway-metrics", number))
        for number in range(platform.gateway_processes)
    ]
    groups.append(_group("hop", "rio", "rio-api", site.reach("rio-api")))
    groups += [
        _group("hop", "rio", name, site.reach(DISPATCHER, number))
        for number, name in enumerate(platform.rio.dispatcher_names)
    ]
    groups.append(_group("hop", "relay", "relay", site.reach("relay")))
    if site.has_console:
        groups.append(_group("hop", "console", "console", site.reach("console")))
    groups += [
        _group("hop", service.name, f"{service.name}-{number + 1}", site.reach_service(service, number))
        for service in catalog
        for number in range(service.instances)
    ]
    return _json(groups)


def telemetry(site: Site, stores: Stores) -> str:
    """targets/telemetry.json: the collector's own and its derived metrics, and those stores that are ours."""
    ours = {name: port for name, port in _TELEMETRY.items() if stores.runs(name)}
    if site.hosts:
        del ours[disk_limits.NAME]  # it bounds folders of this machine
    return _json([_group("telemetry", name, name, site.reach(port)) for name, port in ours.items()])


def platform(site: Site) -> str:
    """targets/platform.json: what is neither a hop nor telemetry."""
    return _json([_group("platform", "rabbitmq", "rabbitmq", site.reach("rabbitmq-prometheus"))])


def alertmanagers(site: Site) -> str:
    """alertmanagers/alertmanager.json."""
    return _json([{"targets": [str(site.reach("alertmanager"))]}])


def _group(job: str, service: str, instance: str, address: Address) -> Group:
    return {"targets": [str(address)], "labels": {"job": job, "service": service, "instance": instance}}


def _json(groups: list[Group]) -> str:
    return json.dumps(groups, indent=2) + "\n"
