"""Prometheus' configuration: as observability/prometheus/prometheus.yml has it or, where existing stores take
the place of ours, with what leads to those."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from compose.cli.site import Site
from compose.cli.stores import Store, Stores, authorization, credentials_file, tenant

SOURCE = Path("observability/prometheus")
INSTANCE_LABEL = "deployment_environment_name"
"""Label of what several instances send to one store; Loki has the same one."""

_NOT_OF_AN_AGENT = ("rule_files", "alerting", "storage")


def configuration(text: str, site: Site, stores: Stores) -> str:
    """prometheus.yml. text: the checkout's own."""
    if stores.prometheus.is_ours and stores.alertmanager.is_ours:
        return text
    document: dict[str, Any] = yaml.safe_load(text)
    labels = {INSTANCE_LABEL: site.instance}
    if stores.samples:
        document["global"]["external_labels"] = labels
        document = {name: part for name, part in document.items() if name not in _NOT_OF_AN_AGENT}
        document["remote_write"] = [_remote_write(site, stores.samples)]
    else:
        document["global"]["external_labels"] |= labels
        document["alerting"]["alertmanagers"] = [_alertmanager(site, stores.alertmanager)]
    return yaml.safe_dump(document, sort_keys=False, width=110)


def options(
    site: Site, stores: Stores, *, retention_hours: int, retention_megabytes: int, accepts_remote_write: bool
) -> dict[str, str]:
    """Prometheus's command-line options by name; an option without a value has an empty one."""
    if stores.is_agent:
        stored, features = {"--storage.agent.path": str(site.data / "prometheus-agent")}, "agent"
    else:
        stored = {
            "--storage.tsdb.path": str(site.data / "prometheus"),
            "--storage.tsdb.retention.time": f"{retention_hours}h",
            "--storage.tsdb.retention.size": f"{retention_megabytes}MB",
        }
        features = "exemplar-storage,expand-external-labels"
    found = {
        "--config.file": str(site.config / "prometheus" / "prometheus.yml"),
        **stored,
        "--web.listen-address": str(site.listen("prometheus")),
        # Of the page of a rule, in what Alertmanager is told; else it is the name of the machine.
        "--web.external-url": f"http://localhost:{site.listen('prometheus').port}/",
        "--enable-feature": features,
        "--log.format": "json",
    }
    accepts = accepts_remote_write and not stores.is_agent
    return found | ({"--web.enable-remote-write-receiver": ""} if accepts else {})


def _remote_write(site: Site, store: Store) -> dict[str, Any]:
    found = {"url": store.url, "send_exemplars": True, **_authorized(site, store)}
    if name := tenant(store):
        found["headers"] = {"X-Scope-OrgID": name}
    return found


def _alertmanager(site: Site, store: Store) -> dict[str, Any]:
    parts = urlsplit(str(store.url))
    where = {"scheme": parts.scheme, "static_configs": [{"targets": [parts.netloc]}]}
    return where | {"path_prefix": parts.path or "/"} | _authorized(site, store)


def _authorized(site: Site, store: Store) -> dict[str, Any]:
    found = authorization(store)
    if found is None:
        return {}
    file = str(credentials_file(site.secrets, store))
    return {"authorization": {"type": found[0], "credentials_file": file}}
