"""From an alert to the lines that explain it and back by clicking alone; pages without their stores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Stack
from tests.console.pages import PAGES, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

ALERT = "HopDown"
SECONDS = 180_000  # milliseconds, as all of playwright's: until an alert fires


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """A process of the instance is stopped meanwhile."""
    stack.supervisor.stop_process(name)
    try:
        yield
    finally:
        stack.supervisor.start_process(name)
        stack.supervisor.wait_until_right([name], 120)


def follow_an_exemplar(page: Page) -> None:
    """Click the first exemplar of the charts of durations, and its link; fails where none is drawn."""
    page.wait_for_load_state("networkidle")  # what was drawn for the last choice of variables is drawn anew
    for panel in page.locator("section[data-panel^='Duration']", has=page.locator(".u-over")).all():
        box = settled(panel).locator(".u-over").bounding_box()
        assert box is not None
        for across in range(int(box["width"]) - 3, 0, -4):
            for down in range(int(box["height"]) - 3, 0, -6):
                page.mouse.move(box["x"] + across, box["y"] + down)
                if page.locator(".plot.pointing").count():
                    page.mouse.click(box["x"] + across, box["y"] + down)
                    link = page.get_by_role("dialog", name="Values at the cursor").locator(
                        "a[href^='/trace/']"
                    )
                    if link.count():  # else it is an annotation
                        link.first.click()
                        return
                    page.keyboard.press("Escape")
    pytest.fail("no exemplar is drawn")


def test_from_an_alert_to_its_lines_and_back(
    stack: Stack, console: str, page: Page, order_trace: str
) -> None:
    with stopped(stack, "relay"):
        page.goto(console)
        firing = page.locator("section", has=page.get_by_role("heading", name="Firing alerts"))
        expect(firing.get_by_text(ALERT).first).to_be_visible(timeout=SECONDS)
        firing.get_by_role("link", name="dashboard").first.click()
        page.wait_for_url(re.compile(r"/d/nextphase-service\?.*var-service=relay"))
    page.get_by_role("combobox", name="service").select_option("gateway")
    page.wait_for_url(re.compile(r"var-service=gateway"))
    follow_an_exemplar(page)
    page.wait_for_url(re.compile(r"/trace/[0-9a-f]{32}"))
    trace = page.url.rpartition("/")[2].partition("?")[0]
    page.locator("main").get_by_role("link", name="Logs", exact=True).click()
    page.wait_for_url(re.compile(r"/logs\?"))
    page.locator("main").get_by_role("link", name="trace", exact=True).first.click()
    page.wait_for_url(re.compile(f"/trace/{trace}"))
    for address in (r"/logs\?", rf"/trace/{trace}", r"/d/nextphase-service"):
        page.go_back()
        page.wait_for_url(re.compile(address))


@pytest.mark.parametrize(
    ("store", "name", "well"),
    [
        ("jaeger", "traces", "Service"),
        ("loki", "logs", "LogQL"),
        ("prometheus", "platform dashboard", "Platform overview"),
        ("alertmanager", "alerts", "Alerts"),
    ],
)
def test_a_store_that_is_down_shows_as_that(
    stack: Stack, console: str, page: Page, store: str, name: str, well: str
) -> None:
    with stopped(stack, store):
        page.goto(console + PAGES[name])
        expect(page.get_by_text(re.compile(f"{store} is not available", re.IGNORECASE)).first).to_be_visible()
        expect(page.locator('[aria-busy="true"]')).to_have_count(0)
        expect(page.get_by_text(well).or_(page.get_by_label(well)).first).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile(f"{store} is not available", re.IGNORECASE))).to_have_count(0)
