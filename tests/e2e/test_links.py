"""Addresses of the console in what commands and alerts say of a live instance."""

from __future__ import annotations

import httpx
import pytest

from compose.cli.links import Links
from tests.conftest import Stack, eventually, nextphase

pytestmark = pytest.mark.stack


def test_an_alert_leads_to_pages_of_this_instance(stack: Stack) -> None:
    url = f"http://{stack.layout.address('alertmanager')}/api/v2/alerts"

    def look() -> None:
        query = {"filter": 'alertname="Watchdog"'}
        found = httpx.get(url, params=query, timeout=10, trust_env=False).raise_for_status().json()
        assert len(found) == 1
        (watchdog,) = found
        links, annotations = Links.of(stack.layout), watchdog["annotations"]
        assert annotations["dashboard_url"] == links.dashboard("platform")
        assert annotations["runbook_url"] == links.alerts("Watchdog")
        assert annotations["traces_url"].startswith(f"{links.traces()}?service=*&failed=true")
        assert watchdog["generatorURL"].startswith(f"http://localhost:{stack.layout.port('prometheus')}/")
        assert watchdog["labels"].keys() == {"alertname", "severity"}

    eventually(look, within_seconds=120)  # what could not be sent at first is sent again after a minute


def test_status_says_where_the_console_is(stack: Stack) -> None:
    assert Links.of(stack.layout).home() in nextphase("status").stdout


@pytest.mark.example
def test_a_trace_says_where_the_console_shows_it(stack: Stack) -> None:
    answer = httpx.get(f"{stack.edge}/v1/stock", timeout=30, trust_env=False)
    trace_id = answer.headers["X-Trace-Id"]

    def look() -> None:
        said = nextphase("trace", trace_id)
        assert said.returncode == 0, said.stderr
        assert Links.of(stack.layout).trace(trace_id) in said.stdout

    eventually(look, within_seconds=60)
