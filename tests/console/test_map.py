"""The service map shows what Prometheus has of the service graph, and what the catalog says of it."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Stack, eventually, nextphase
from tests.console.conftest import PHONE

pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.timeout(300)]

Call = tuple[str, str]
_SEEN = "sum by (client, server) (traces_service_graph_request_total)"
_FULL_MINUTES = 60


@pytest.fixture(scope="module", autouse=True)
def seen(stack: Stack) -> set[Call]:
    """The calls that the service graph has, those of an order among them."""
    done = nextphase("demo", "--orders", "4")
    assert done.returncode == 0, done.stdout + done.stderr

    def look() -> set[Call]:
        found = {(labels["client"], labels["server"]) for labels, _ in stack.telemetry.metric(_SEEN)}
        assert {("edge-nginx", "gateway"), ("relay", "rio"), ("rio", "services-nginx")} <= found
        return found

    return eventually(look, 60.0)


@pytest.fixture(scope="module")
def catalog(stack: Stack) -> Any:
    return json.loads((stack.layout.config / "catalog.json").read_text())


def open_map(page: Page, console: str, query: str = "") -> None:
    page.goto(f"{console}/map?from=now-{_FULL_MINUTES}m&to=now{query}")
    expect(page.locator(".graph svg")).to_be_visible()


def test_parts_and_calls_are_there(page: Page, console: str, seen: set[Call], catalog: Any) -> None:
    open_map(page, console)
    nodes = page.locator(".graph a.node")
    names = {node.get_attribute("data-node") for node in nodes.all()}
    assert names >= {each["name"] for each in [*catalog["hops"], *catalog["services"]]}
    for client, server in seen:
        row = page.locator(f'tr[data-call="{client}>{server}"]').first
        expect(row.locator("td").nth(3)).to_contain_text("/s")
        expect(row).to_contain_text("permitted")


def test_nothing_overlaps(new_page: Callable[..., Page], console: str) -> None:
    for viewport in ({"width": 1440, "height": 1000}, PHONE, {"width": 3840, "height": 2000}):
        page = new_page(viewport=viewport)
        open_map(page, console)
        shapes = page.locator(".graph .node rect, .graph .edge-label rect").all()
        boxes = [box for shape in shapes if (box := shape.bounding_box())]
        assert len(boxes) == len(shapes) > 10
        for one, other in itertools.combinations(boxes, 2):
            apart = any(
                one[at] + one[size] <= other[at] + 1 or other[at] + other[size] <= one[at] + 1
                for at, size in (("x", "width"), ("y", "height"))
            )
            assert apart, f"{viewport}: {one} {other}"


def test_texts_fit_their_boxes(page: Page, console: str) -> None:
    open_map(page, console)
    for group in page.locator(".graph .node, .graph .edge-label").all():
        box = group.locator("rect").bounding_box()
        for text in group.locator("text").all():
            inner = text.bounding_box()
            assert box is not None
            assert inner is not None
            assert inner["x"] >= box["x"] - 2
            assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 2


def test_a_part_leads_to_its_telemetry(page: Page, console: str) -> None:
    open_map(page, console)
    page.locator('[data-node="orders"]').focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{console}/map?from=now-{_FULL_MINUTES}m&to=now&node=orders")
    details = page.get_by_role("region", name="orders", exact=True)
    expect(details).to_contain_text("1 of 1 process up")
    for name, path in (("Dashboard", "/d/nextphase-service"), ("Logs", "/logs"), ("Traces", "/traces")):
        link = details.get_by_role("link", name=name, exact=True)
        assert str(link.get_attribute("href")).startswith(path)
        assert "orders" in str(link.get_attribute("href"))


def test_what_the_catalog_forbids_or_does_not_know_is_marked(page: Page, console: str, catalog: Any) -> None:
    smaller = {
        **catalog,
        "calls": [call for call in catalog["calls"] if call != ["gateway", "services-nginx"]],
        "services": [each for each in catalog["services"] if each["name"] != "inventory"],
    }
    smaller["calls"] = [call for call in smaller["calls"] if "inventory" not in call]
    page.route("**/api/platform/catalog", lambda route: route.fulfill(json=smaller))
    open_map(page, console)
    wrong = page.get_by_role("alert")
    expect(wrong).to_contain_text("gateway calls services-nginx: the catalog does not permit it")
    expect(wrong).to_contain_text("services-nginx calls inventory: the catalog does not know inventory")
    expect(page.locator('[data-edge="gateway>services-nginx"]')).to_contain_text("forbidden")
    expect(page.locator('[data-node="inventory"]')).to_contain_text("not in the catalog")


def test_without_prometheus_the_page_says_so(page: Page, console: str) -> None:
    page.route("**/api/prometheus/**", lambda route: route.fulfill(status=502, json={"title": "down"}))
    page.goto(f"{console}/map")
    expect(page.get_by_role("alert").first).to_contain_text("down")


def test_it_can_be_read_by_everyone(
    page: Page, console: str, inaccessible: Callable[[Page], list[str]]
) -> None:
    open_map(page, console, "&node=orders")
    assert inaccessible(page) == []
