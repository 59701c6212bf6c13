"""Alertmanager's configuration: as observability/alertmanager/alertmanager.yml has it, with the receivers
that compose/platform.yaml names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml

from compose.cli.notifications import Notifications, Receiver, Watchdog, secret_of
from compose.cli.site import Site

SOURCE = Path("observability/alertmanager")
FILE = "alertmanager/alertmanager.yml"
"""Below an instance's `config/`."""

WATCHDOG = "watchdog"
"""The receiver of the alert that always fires, and of nothing else."""

_BY_SEVERITY = {"critical": "page", "warning": "ticket"}
_TITLE = '{{ template "nextphase.title" . }}'
_TEXT = '{{ template "nextphase.text" . }}'
_RUNBOOK = '{{ template "nextphase.runbook" . }}'
_DASHBOARD = '{{ template "nextphase.dashboard" . }}'


def files(root: Path, site: Site, notifications: Notifications) -> dict[str, str]:
    """The configuration and the templates beside it, by path below `config/`."""
    source = root / SOURCE
    text = (source / "alertmanager.yml").read_text()
    templates = {f"alertmanager/{path.name}": path.read_text() for path in sorted(source.glob("*.tmpl"))}
    return {FILE: configuration(text, site, notifications), **templates}


def configuration(text: str, site: Site, notifications: Notifications) -> str:
    """alertmanager.yml. text: the checkout's own."""
    if not notifications:
        return text
    document: dict[str, Any] = yaml.safe_load(text)
    receivers = {receiver["name"]: receiver for receiver in document["receivers"]}
    for receiver in notifications.receivers:
        kind, settings = _of_alertmanager(receiver, site)
        for severity in receiver.severities:
            receivers[_BY_SEVERITY[severity]].setdefault(kind, []).append(settings)
    if notifications.watchdog:
        receivers[WATCHDOG]["webhook_configs"] = [_watchdog(notifications.watchdog, site.secrets)]
        (route,) = (one for one in document["route"]["routes"] if one["receiver"] == WATCHDOG)
        route |= _repeated(notifications.watchdog.every_seconds)
    return yaml.safe_dump(document, sort_keys=False, width=110)


def _of_alertmanager(receiver: Receiver, site: Site) -> tuple[str, dict[str, Any]]:
    """The kind of a receiver, and its settings, as Alertmanager calls them."""
    of_kind = {"email": _email, "pagerduty": _pagerduty, "slack": _slack, "webhook": _webhook}
    secret = secret_of(site.secrets, receiver)
    settings = of_kind[receiver.kind](receiver.settings, secret, site.instance)
    return f"{receiver.kind}_configs", {"send_resolved": True, **settings}


def _email(settings: Mapping[str, Any], secret: str, instance: str) -> dict[str, Any]:
    found = {
        "to": ", ".join(settings["to"]),
        "from": settings["from"],
        "smarthost": settings["smarthost"],
        "require_tls": settings.get("require_tls", True),
        "headers": {"Subject": f"{_TITLE} ({instance})"},
        "text": _TEXT,
        "html": "",
    }
    if "username" in settings:
        found["auth_username"] = settings["username"]
        found["auth_password_file"] = secret
    return found


def _slack(settings: Mapping[str, Any], secret: str, instance: str) -> dict[str, Any]:
    found = {
        "api_url_file": secret,
        "username": f"nextphase {instance}",
        "title": _TITLE,
        "title_link": _RUNBOOK,
        "fallback": f"{_TITLE} ({instance})",
        "text": _TEXT,
    }
    if "channel" in settings:
        found["channel"] = settings["channel"]
    return found


def _pagerduty(settings: Mapping[str, Any], secret: str, instance: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "routing_key_file": secret,
        "description": f"{_TITLE} ({instance})",
        "severity": "{{ .CommonLabels.severity }}",
        "component": "{{ .CommonLabels.service }}",
        "group": instance,
        "client": f"nextphase {instance}",
        "client_url": _RUNBOOK,
        "details": {"alerts": _TEXT},
        "links": [{"href": _RUNBOOK, "text": "Runbook"}, {"href": _DASHBOARD, "text": "Dashboard"}],
    }
    if "url" in settings:
        found["url"] = settings["url"]
    return found


def _webhook(settings: Mapping[str, Any], secret: str, _instance: str) -> dict[str, Any]:
    return {"url": settings["url"], **(_authorized(secret) if "credentials_file" in settings else {})}


def _watchdog(watchdog: Watchdog, secrets: PurePath) -> dict[str, Any]:
    authorized = _authorized(secret_of(secrets, watchdog)) if watchdog.credentials_file else {}
    return {"send_resolved": False, "url": watchdog.url, **authorized}


def _authorized(credentials_file: str) -> dict[str, Any]:
    return {"http_config": {"authorization": {"credentials_file": credentials_file}}}


def _repeated(seconds: int) -> dict[str, str]:
    """Intervals that make Alertmanager send every `seconds`.

    It looks once a group_interval whether the last notification is older than repeat_interval. That one was
    recorded after it had been sent, so of two equal intervals every other look comes too early.
    """
    return {"group_interval": f"{seconds * 500}ms", "repeat_interval": f"{seconds * 750}ms"}
