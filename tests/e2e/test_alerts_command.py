"""`nextphase alerts` with the Prometheus and Alertmanager of a live instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from compose.cli.links import Links
from tests.conftest import Stack, eventually, nextphase

pytestmark = pytest.mark.stack

#: An alert that no other explains, so that nothing but a silence mutes it.
NAME = "RuleFailing"


@pytest.fixture
def drill(stack: Stack) -> Iterator[str]:
    """A part that an alert is raised for; the alert ends with the test."""
    service = f"drill-{uuid4().hex[:8]}"
    _raise(stack, service, timedelta(minutes=5))
    yield service
    _raise(stack, service, timedelta())


def _raise(stack: Stack, service: str, lasting: timedelta) -> None:
    now = datetime.now(UTC)
    alert = {
        "labels": {"alertname": NAME, "severity": "warning", "service": service},
        "annotations": {
            "summary": f"A rule of {service} cannot be evaluated",
            "description": "3 evaluations failed",
            "runbook": "docs/operate.md#rulefailing",
            "dashboard_url": Links.of(stack.layout).dashboard("platform"),
        },
        "startsAt": (now - timedelta(minutes=2)).isoformat(),
        "endsAt": (now + lasting).isoformat(),
    }
    url = f"http://{stack.layout.address('alertmanager')}/api/v2/alerts"
    httpx.post(url, json=[alert], timeout=10, trust_env=False).raise_for_status()


def alerts(service: str) -> dict[str, Any]:
    """The one alert of a part."""
    document = json.loads(nextphase("alerts", "--json").stdout)
    (found,) = [alert for alert in document["alerts"] if alert["culprit"] == service]
    return dict(found)


def wait_for(service: str, standing: str) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        found = alerts(service)
        assert found["standing"] == standing
        return found

    return eventually(look)


def test_what_fires_is_told_with_what_to_do(stack: Stack, drill: str) -> None:
    links = Links.of(stack.layout)
    found = wait_for(drill, "firing")
    assert (found["name"], found["severity"]) == (NAME, "warning")
    assert found["alert_url"] == links.alerts(NAME)
    assert found["dashboard_url"] == links.dashboard("platform")
    assert found["steps"] == "`logs prometheus`."
    done = nextphase("alerts")
    assert done.returncode == 1
    assert f"A rule of {drill} cannot be evaluated. 3 evaluations failed" in " ".join(done.stdout.split())
    assert links.alerts(NAME) in done.stdout.split()
    assert "Watchdog" not in done.stdout
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "://" not in line)


def test_a_silence_is_made_shown_and_ended(stack: Stack, drill: str) -> None:
    wait_for(drill, "firing")
    done = nextphase("alerts", "silence", NAME, "--service", drill, "--for", "1h", "--comment", "a drill")
    assert done.returncode == 0, done.stderr
    assert ", which is 1 alert now" in done.stdout
    (silence,) = wait_for(drill, "silenced")["silences"]
    assert silence["comment"] == "a drill"
    end = f"./nextphase alerts --instance test silence --end {silence['id']}"
    assert end in done.stdout
    assert end in nextphase("alerts").stdout
    ended = nextphase(*end.split()[1:])
    assert ended.returncode == 0, ended.stderr
    wait_for(drill, "firing")
    again = nextphase(*end.split()[1:])
    assert again.returncode == 1
    assert "has ended already" in again.stderr


def test_what_nothing_is_called_is_not_silenced(stack: Stack) -> None:
    done = nextphase("alerts", "silence", "HopDwn", "--for", "1h", "--comment", "a drill")
    assert done.returncode == 2
    assert "did you mean 'HopDown'" in done.stderr
    done = nextphase(
        "alerts", "silence", "HopDown", "--service", "gatway", "--for", "1h", "--comment", "a drill"
    )
    assert done.returncode == 2
    assert "did you mean 'gateway'" in done.stderr
