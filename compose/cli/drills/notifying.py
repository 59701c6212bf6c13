"""Alertmanager's configuration while drills run: the instance's own, with the drill's receiver besides."""

from __future__ import annotations

from typing import Any

import yaml

from compose.cli.alerting import WATCHDOG
from compose.cli.drills import receiver, rules

NAME = "drill"
"""The receiver of alerts that drills raise."""
_WATCHDOG_NAME = "drill-watchdog"


def with_receiver(text: str, url: str) -> str:
    """alertmanager.yml with a receiver at `url` for the alerts of drills. All alerts, these too, go on
    to the receivers that they had: nothing is lost where a drill is killed."""
    document: dict[str, Any] = yaml.safe_load(text)
    document["receivers"] += [
        _receiver(NAME, url + receiver.ALERTS),
        _receiver(_WATCHDOG_NAME, url + receiver.WATCHDOG),
    ]
    added = [
        _route(NAME, f'{rules.LABEL} = "{rules.VALUE}"', group_wait="1s", repeat_interval="1h"),
        _route(_WATCHDOG_NAME, f"alertname = {WATCHDOG}", group_wait="0s", repeat_interval="3s"),
    ]
    document["route"]["routes"] = [*added, *document["route"].get("routes", ())]
    return yaml.safe_dump(document, sort_keys=False, width=110)


def _receiver(name: str, url: str) -> dict[str, Any]:
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]}


def _route(name: str, matcher: str, **timing: str) -> dict[str, Any]:
    route = {"receiver": name, "matchers": [matcher], "group_by": ["..."], "group_interval": "2s"}
    return route | timing | {"continue": True}
