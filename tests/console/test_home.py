"""Home says whether all is well, and shows what the stores have of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from compose.cli import deployments
from tests.conftest import Stack, eventually, nextphase
from tests.console.conftest import PHONE

pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.timeout(300)]

_ROUTES = (
    'sum by (service, http_route) (service_route:http_server_requests:rate5m{service=~"edge-nginx|gateway"})'
)
FIGURE = re.compile(r"^<?\d")
_CALLING = 'count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)'


@pytest.fixture(scope="module", autouse=True)
def traffic(stack: Stack) -> None:
    done = nextphase("demo", "--orders", "8")
    assert done.returncode == 0, done.stdout + done.stderr

    def look() -> None:
        assert ("gateway", "/v1/orders") in {
            (labels["service"], labels.get("http_route", "")) for labels, _ in stack.telemetry.metric(_ROUTES)
        }

    eventually(look, 60.0)


def open_home(page: Page, console: str) -> None:
    page.goto(f"{console}/")
    expect(page.locator("[data-verdict]")).to_be_visible()


def test_the_verdict_is_that_of_the_alerts(page: Page, console: str, stack: Stack) -> None:
    def look() -> None:
        firing = int(stack.telemetry.metric(_CALLING)[0][1])
        open_home(page, console)
        cards = page.locator(".home-firing [data-alert]").count()
        assert cards == firing
        verdict = page.locator("[data-verdict]").inner_text()
        assert ("fire" in verdict and "No alert" not in verdict) == (firing > 0)

    eventually(look, 120.0)


def test_public_routes_have_their_golden_signals(page: Page, console: str, stack: Stack) -> None:
    open_home(page, console)
    rows = page.locator("tr[data-route]")
    expect(rows.first).to_have_attribute("data-route", "edge-nginx /v1/*")
    known = {
        f"{labels['service']} {labels.get('http_route', '')}" for labels, _ in stack.telemetry.metric(_ROUTES)
    }
    assert {row.get_attribute("data-route") for row in rows.all()} <= known
    row = page.locator('tr[data-route="gateway /v1/orders"]')
    for at in (2, 3, 4, 5):
        expect(row.locator("td").nth(at)).to_have_text(FIGURE)


def test_the_map_leads_on(page: Page, console: str) -> None:
    open_home(page, console)
    page.locator('.home-map [data-node="gateway"]').click()
    expect(page).to_have_url(f"{console}/map?node=gateway")
    expect(page.get_by_role("region", name="gateway", exact=True)).to_be_visible()


def test_the_newest_errors_lead_to_their_traces(page: Page, console: str, order_trace: str) -> None:
    line = {
        "stream": {"service_name": "orders", "severity_number": "17", "trace_id": order_trace},
        "values": [["1795970392976000000", "<img src=x onerror=alert(1)> failed"]],
    }
    answer = {"status": "success", "data": {"resultType": "streams", "result": [line]}}
    page.route("**/api/loki/query_range?*", lambda route: route.fulfill(json=answer))
    open_home(page, console)
    entry = page.locator(f'[data-error="{order_trace}"]')
    expect(entry).to_contain_text("<img src=x onerror=alert(1)> failed")
    link = entry.get_by_role("link")
    assert link.get_attribute("href") == f"/trace/{order_trace}"


def test_deploys_are_those_that_were_written_down(page: Page, console: str, stack: Stack) -> None:
    lines = deployments.path(stack.layout).read_text().splitlines()
    newest: Any = json.loads(lines[-1])
    open_home(page, console)
    deploys = page.locator('[data-change="deploy"]')
    expect(deploys.first).to_contain_text(newest["changes"][0])
    expect(page.locator(".home-changes")).to_contain_text("starts of processes that they do not explain")


def test_what_is_down_is_said_and_the_rest_is_shown(page: Page, console: str) -> None:
    for store in ("loki", "alertmanager"):
        page.route(f"**/api/{store}/**", lambda route: route.fulfill(status=502, json={"title": "away"}))
    open_home(page, console)
    expect(page.locator(".home-errors").get_by_role("alert")).to_contain_text("away")
    expect(page.locator(".home-map svg")).to_be_visible()


def test_it_is_one_screen(page: Page, console: str) -> None:
    open_home(page, console)
    expect(page.locator(".home-map svg")).to_be_visible()
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height <= page.viewport_size["height"]  # type: ignore[index]


def test_nothing_is_wider_than_a_phone(new_page: Callable[..., Page], console: str) -> None:
    page = new_page(viewport=PHONE)
    open_home(page, console)
    expect(page.locator(".home-map svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_it_can_be_read_by_everyone(
    page: Page, console: str, inaccessible: Callable[[Page], list[str]]
) -> None:
    open_home(page, console)
    expect(page.locator(".home-map svg")).to_be_visible()
    assert inaccessible(page) == []
