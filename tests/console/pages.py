"""The console's pages, and how a test knows that one is drawn."""

from playwright.sync_api import Locator, Page, expect

PAGES = {
    "home": "/",
    "dashboards": "/dashboards",
    "platform dashboard": "/d/nextphase-platform",
    "gateway dashboard": "/d/nextphase-gateway",
    "rio dashboard": "/d/nextphase-rio",
    "service dashboard": "/d/nextphase-service",
    "nginx dashboard": "/d/nextphase-nginx",
    "traces dashboard": "/d/nextphase-traces",
    "traces": "/traces",
    "trace": "/trace/{trace}",
    "logs": "/logs",
    "map": "/map",
    "alerts": "/alerts",
    "rio topology": "/rio",
    "rio subscriptions": "/rio/subscriptions",
    "rio dead letters": "/rio/dead-letters",
    "rio deliveries": "/rio/deliveries",
    "rio event types": "/rio/events",
    "rio replays": "/rio/replays",
    "rio scheduled": "/rio/scheduled",
    "api": "/api",
    "compare": "/compare?left={trace}&right={trace}",
    "operate": "/operate",
}
"""Address of each page by its name; `{trace}` stands for the id of an order's trace."""


def settled(panel: Locator) -> Locator:
    """A dashboard's panel once it is in sight and has its answer."""
    expect(panel).to_be_attached()
    panel.scroll_into_view_if_needed()
    expect(panel).to_have_attribute("aria-busy", "false")
    expect(panel.locator(".note.loading")).to_have_count(0)
    return panel


def opened(page: Page, console: str, name: str, trace: str) -> None:
    """Go to a page and wait until what it asked for is drawn."""
    page.goto(console + PAGES[name].format(trace=trace))
    page.wait_for_load_state("networkidle")
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)
