"""Every page by axe-core, on a dark desktop and a light phone, and by keyboard alone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import eventually
from tests.console.conftest import DESKTOP, PHONE
from tests.console.pages import PAGES, opened

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

#: What of a page ends right of a width, in case that it does.
_BEYOND = """width => [...document.querySelectorAll("body *")]
  .filter(element => element.getBoundingClientRect().right > width)
  .map(element => `${element.tagName}.${element.className} ${element.textContent.slice(0, 60)}`)"""
VIEWS = {
    "desktop, dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone, light": {"viewport": PHONE, "color_scheme": "light"},
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(
    console: str,
    order_trace: str,
    new_page: Callable[..., Page],
    inaccessible: Callable[[Page], list[str]],
    screenshot: Callable[[Page, str], object],
    name: str,
    view: str,
) -> None:
    page = new_page(**VIEWS[view])
    opened(page, console, name, order_trace)
    screenshot(page, f"{name} {view}")
    assert inaccessible(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(
    console: str, order_trace: str, new_page: Callable[..., Page], name: str
) -> None:
    page = new_page(viewport=PHONE)
    opened(page, console, name, order_trace)

    def look() -> None:
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], page.evaluate(_BEYOND, PHONE["width"])

    eventually(look, 5)  # what is still being laid out may be wider for a moment


def test_pages_are_reached_by_keyboard(console: str, page: Page) -> None:
    page.goto(console)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for keys, path in (("gd", "/dashboards"), ("gt", "/traces"), ("gl", "/logs"), ("ga", "/alerts")):
        page.locator("body").press(keys[0])
        page.locator("body").press(keys[1])
        page.wait_for_url(f"{console}{path}*")


def test_focus_is_visible(console: str, page: Page) -> None:
    page.goto(f"{console}/traces")
    expect(page.get_by_role("heading", name="Traces")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")


def test_theme_and_time_zone_are_kept(console: str, new_page: Callable[..., Page]) -> None:
    page = new_page(timezone_id="Asia/Tokyo", color_scheme="light")
    page.goto(f"{console}/traces?from=1700000000000&to=1700003600000")
    expect(page.get_by_role("button", name="2023-11-15 07:13:20")).to_be_visible()
    page.get_by_role("button", name="UTC").click()
    expect(page.get_by_role("button", name="2023-11-14 22:13:20")).to_be_visible()
    page.get_by_label("Theme").select_option("dark")
    page.reload()
    expect(page.get_by_role("button", name="2023-11-14 22:13:20")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
