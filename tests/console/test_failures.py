"""A page that cannot be drawn says so, and takes no other with it."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.console.conftest import DESKTOP

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

_ALERT = {
    "fingerprint": "ab",
    "labels": {"alertname": "HopDown", "severity": "critical", "service": "orders"},
    "annotations": {},
    "startsAt": "no time at all",
    "endsAt": "",
    "status": {"state": "active", "inhibitedBy": [], "silencedBy": []},
}


@pytest.fixture
def failing(browser: Browser) -> Iterator[Page]:
    """A page whose exceptions are what is tested."""
    page = browser.new_page(viewport=DESKTOP)
    yield page
    page.close()


def test_a_page_that_fails_says_so_and_leaves_the_others(failing: Page, console: str) -> None:
    def nonsense(route: Route) -> None:
        route.fulfill(content_type="application/json", body=json.dumps([_ALERT]))

    failing.route("**/api/alertmanager/alerts*", nonsense)
    failing.goto(f"{console}/alerts")
    content, menu = failing.locator("main"), failing.get_by_role("navigation", name="Pages")
    expect(content).to_contain_text("This page cannot be drawn")
    menu.get_by_role("link", name="Traces").click()
    expect(content.get_by_role("heading", level=1)).to_have_text("Traces")
    menu.get_by_role("link", name="Alerts").click()
    expect(content).to_contain_text("This page cannot be drawn")
    failing.unroute("**/api/alertmanager/alerts*")
    content.get_by_role("button", name="Try again").click()
    expect(content.get_by_role("heading", level=1)).to_have_text("Alerts")
