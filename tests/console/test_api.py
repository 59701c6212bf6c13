"""The page API, compared with the gateway, Prometheus and Jaeger."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Stack, eventually, nextphase
from tests.console.conftest import DESKTOP, PHONE
from tests.console.operating import NewPage, confirm, operate

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
EMAIL = "ada.tries@example.com"


@pytest.fixture(scope="module")
def description(stack: Stack) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{stack.edge}/v1/openapi.json", trust_env=False).json()
    return document


@pytest.fixture(scope="module")
def account(stack: Stack, order_trace: str) -> str:
    """An account's id, on an instance that some orders have gone through."""
    body = {"name": "Ada", "email": EMAIL}
    answer = httpx.post(f"{stack.edge}/v1/accounts", json=body, trust_env=False)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_every_route_is_there(page: Page, console: str, description: dict[str, Any]) -> None:
    page.goto(f"{console}/api")
    routes = page.get_by_role("navigation", name="Routes").get_by_role("link")
    described = [
        (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    expect(routes).to_have_count(len(described))
    for link, (method, path, operation) in zip(routes.all(), described, strict=True):
        expect(link).to_contain_text(method)
        expect(link).to_contain_text(path)
        expect(link).to_contain_text(operation["summary"])
        link.click()
        expect(page).to_have_url(re.compile(f"route={operation['operationId']}"))
        view = page.get_by_role("region", name="Description")
        for status in operation["responses"]:
            expect(view.get_by_text(re.compile(f"^{status} ")).first).to_be_visible()
        for parameter in operation.get("parameters", ()):
            expect(view.get_by_role("rowheader", name=parameter["name"], exact=True)).to_be_visible()


def test_what_the_last_calls_did(page: Page, console: str, stack: Stack, account: str) -> None:
    page.goto(f"{console}/api?route=place-order&refresh=off")
    calls = page.get_by_role("region", name="Last calls")

    def same() -> None:
        page.get_by_role("button", name="Refresh").click()
        shown = calls.locator("dl.totals div").filter(has_text="Calls").locator("dd").inner_text()
        labels = 'service="gateway",http_request_method="POST",http_route="/v1/orders"'
        counted = f"http_server_request_duration_seconds_count{{{labels}}}"
        grown = f"sum(({counted} unless {counted} offset 30m) or increase({counted}[30m]))"
        (sample,) = stack.telemetry.metric(grown)
        assert int(shown) >= 12
        assert int(shown) == pytest.approx(sample[1], abs=1.5)

    eventually(same, 90)
    expect(calls.get_by_label("Calls a second by status")).to_be_visible()
    expect(calls.get_by_label("Duration by share")).to_be_visible()


def test_the_slowest_traces_are_jaegers(page: Page, console: str, stack: Stack, account: str) -> None:
    page.goto(f"{console}/api?route=place-order&refresh=off")
    rows = page.locator("[data-trace]")

    def some() -> None:
        page.get_by_role("button", name="Refresh").click()
        assert rows.count() > 0

    eventually(some, 60)
    ids = [row.get_attribute("data-trace") for row in rows.all()]
    durations = []
    for trace_id in ids:
        address = f"http://{stack.layout.address('jaeger')}/api/traces/{trace_id}"
        (trace,) = httpx.get(address, trust_env=False).json()["data"]
        durations += [
            span["duration"]
            for span in trace["spans"]
            if trace["processes"][span["processID"]]["serviceName"] == "gateway"
            and span["operationName"] == "POST /v1/orders"
        ]
    assert durations == sorted(durations, reverse=True)
    assert len(durations) == len(ids)


def test_a_public_route_is_tried(page: Page, console: str, stack: Stack, account: str) -> None:
    page.goto(f"{console}/api?route=stock")
    page.get_by_role("button", name="Send GET").click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("200")
    said = httpx.get(f"{stack.edge}/v1/stock", trust_env=False).json()
    assert json.loads(answer.locator("pre").inner_text()).keys() == said.keys()
    href = answer.get_by_role("link", name="trace").get_attribute("href") or ""
    trace_id = href.partition("/trace/")[2][:32]

    def one_trace() -> None:
        """The call goes on in the console's trace, through the edge and the gateway."""
        address = f"http://{stack.layout.address('jaeger')}/api/traces/{trace_id}"
        found = httpx.get(address, trust_env=False)
        assert found.status_code == 200
        services = {one["serviceName"] for one in found.json()["data"][0]["processes"].values()}
        assert {"console", "edge-nginx", "gateway", "inventory"} <= services

    eventually(one_trace, 60)


def test_a_token_opens_what_it_opens_and_people_are_hidden(page: Page, console: str, account: str) -> None:
    token = nextphase("token", "--subject", account).stdout.strip()
    page.goto(f"{console}/api?route=account")
    try_it, answer = page.get_by_role("region", name="Try it"), page.get_by_role("region", name="Answer")
    expect(try_it.get_by_role("button", name="Send GET")).to_be_disabled()
    try_it.get_by_label("account_id").fill(account)
    try_it.get_by_role("button", name="Send GET").click()
    expect(answer).to_contain_text("401")
    try_it.get_by_label("Token").fill(token)
    try_it.get_by_role("button", name="Send GET").click()
    expect(answer).to_contain_text("200")
    expect(answer).to_contain_text("hidden")
    assert EMAIL not in page.content()
    operate(page)
    page.goto(f"{console}/api?route=account")
    assert try_it.get_by_label("Token").input_value() == ""  # it was kept nowhere
    try_it.get_by_label("account_id").fill(account)
    try_it.get_by_label("Token").fill(token)
    try_it.get_by_role("button", name="Send GET").click()
    expect(answer).to_contain_text(EMAIL)


def test_what_changes_something_needs_operate_mode_and_asks(page: Page, console: str, stack: Stack) -> None:
    token = nextphase("token", "--scope", "stock:write").stdout.strip()
    page.goto(f"{console}/api?route=set-stock")
    try_it, answer = page.get_by_role("region", name="Try it"), page.get_by_role("region", name="Answer")
    expect(try_it.get_by_role("button", name="Send PUT")).to_be_disabled()
    expect(try_it).to_contain_text("operate mode")
    operate(page)
    page.goto(f"{console}/api?route=set-stock")
    try_it.get_by_label("sku").fill("tried")
    try_it.get_by_label("Token").fill(token)
    try_it.get_by_label("Body").fill('{"on_hand": 41}')
    try_it.get_by_role("button", name="Send PUT").click()
    expect(page.get_by_role("dialog")).to_contain_text("PUT /v1/stock/tried")
    confirm(page, "Send PUT")
    expect(answer.locator("p").first).to_contain_text(re.compile("20[01]"))
    said = httpx.get(f"{stack.edge}/v1/stock/tried", trust_env=False).json()
    assert said["on_hand"] == 41


def test_the_gateway_has_no_page_of_its_own(stack: Stack) -> None:
    assert httpx.get(f"{stack.edge}/v1/docs", trust_env=False).status_code == 404
    bare = httpx.get(stack.edge, trust_env=False)
    assert (bare.status_code, bare.headers["Location"]) == (303, "/v1/openapi.json")


@pytest.mark.parametrize("look", [{}, {"viewport": PHONE, "color_scheme": "light"}])
def test_the_page_can_be_used_by_everybody(
    new_page: NewPage,
    console: str,
    account: str,
    inaccessible: Callable[[Page], list[str]],
    screenshot: Callable[[Page, str], Any],
    look: dict[str, Any],
) -> None:
    page = new_page(**look)
    operate(page)
    width = look.get("viewport", DESKTOP)["width"]
    for route in ("place-order", "stock"):
        page.goto(f"{console}/api?route={route}")
        expect(page.get_by_role("region", name="Try it")).to_be_visible()
        page.wait_for_load_state("networkidle")
        screenshot(page, f"api {route} {width}")
        assert inaccessible(page) == [], route
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), route
