"""Log lines in a browser, beside what Loki answers."""

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import Stack, eventually
from tests.console.conftest import PHONE

pytestmark = pytest.mark.stack

ALL = '{service_name=~".+"}'
MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def minute(stack: Stack, order_trace: str) -> tuple[int, int]:
    """From and to of a time, milliseconds, in which lines were written and no more are."""
    line = eventually(lambda: _written(stack, order_trace), 60)
    at = int(line[0]) // MILLISECOND
    return at - 30_000, at + 1


def _written(stack: Stack, trace_id: str) -> list[str]:
    found = loki(
        stack, f'{ALL} | trace_id="{trace_id}" |= "notified"', time.time_ns() - 600 * 10**9, time.time_ns()
    )
    assert found
    return found[0][:2]


def loki(stack: Stack, query: str, start: int, end: int, **parameters: str) -> list[list[Any]]:
    """Time, text and labels of the lines that Loki has, newest first; times are nanoseconds."""
    asked = {"query": query, "start": str(start), "end": str(end), "limit": "5000"} | parameters
    url = f"http://{stack.layout.address('loki')}/loki/api/v1/query_range"
    answer = httpx.get(url, params=asked, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    streams = answer.json()["data"]["result"]
    lines = [[*value[:2], stream["stream"]] for stream in streams for value in stream["values"]]
    return sorted(lines, key=lambda line: int(line[0]), reverse=True)


def within(minute: tuple[int, int]) -> str:
    return f"from={minute[0]}&to={minute[1]}"


def nanoseconds(minute: tuple[int, int]) -> tuple[int, int]:
    return minute[0] * MILLISECOND, minute[1] * MILLISECOND


def texts(page: Page) -> list[str]:
    return page.locator(".log-lines > li .line-text").all_text_contents()


def test_lines_are_those_of_loki(page: Page, console: str, stack: Stack, minute: tuple[int, int]) -> None:
    query = '{service_name="orders"}'
    found = loki(stack, query, *nanoseconds(minute))
    assert found
    page.goto(f"{console}/logs?query={query}&limit=5000&{within(minute)}")
    expect(page.get_by_role("status").first).to_have_text(f"{len(found)} lines")
    shown = texts(page)
    assert Counter(shown) == Counter(text for _, text, _ in found[: len(shown)])
    page.get_by_label("Order").select_option("oldest")
    oldest = {text for at, text, _ in found if at == found[-1][0]}
    expect(page.locator(".line-text").first).to_have_text(re.compile("|".join(map(re.escape, oldest))))


def test_levels_are_counted_and_chosen(
    page: Page, console: str, stack: Stack, minute: tuple[int, int]
) -> None:
    page.goto(f"{console}/logs?limit=5000&{within(minute)}")
    button = page.get_by_role("button", name=re.compile(r"^info \d"))
    expect(button).to_be_visible()
    expect(page.locator(".histogram canvas")).to_be_visible()
    button.click()
    assert "level=info" in page.url
    found = loki(stack, f'{ALL} | severity_text="info"', *nanoseconds(minute))
    expect(page.get_by_role("status").first).to_have_text(f"{len(found)} lines")
    assert set(page.locator(".line-head .level").all_text_contents()) == {"info"}


def test_a_line_opens_to_its_fields_and_leads_to_its_trace(
    page: Page, console: str, stack: Stack, order_trace: str, minute: tuple[int, int]
) -> None:
    query = f'{ALL} | trace_id="{order_trace}" |= "order placed"'
    [[_, _, labels]] = loki(stack, query, *nanoseconds(minute))
    page.goto(f"{console}/logs?{httpx.QueryParams(query=query)}&{within(minute)}")
    toggle = page.locator(".line-toggle")
    expect(toggle).to_have_count(1)
    toggle.press("Enter")
    rows = page.locator(".fields tr")
    shown = {row.locator("th").inner_text(): row.locator("td").last.inner_text() for row in rows.all()}
    assert shown == labels
    page.locator(".to-trace").click()
    expect(page).to_have_url(f"{console}/trace/{order_trace}?span={labels['span_id']}")
    expect(page.locator(f"[data-span='{labels['span_id']}']")).to_be_visible()


def test_a_click_keeps_a_value_or_leaves_it_out(
    page: Page, console: str, stack: Stack, minute: tuple[int, int]
) -> None:
    page.goto(f"{console}/logs?limit=5000&{within(minute)}")
    page.locator(".line-toggle").first.click()
    service = page.locator(".fields tr").filter(has=page.get_by_text("service_name", exact=True))
    name = service.locator("td").last.inner_text()
    service.get_by_role("button", name="Only lines with this").click()
    query = page.get_by_label("LogQL query")
    expect(query).to_have_value(f'{{service_name="{name}"}}')
    count = len(loki(stack, f'{{service_name="{name}"}}', *nanoseconds(minute)))
    expect(page.get_by_role("status").first).to_have_text(f"{count} lines")
    if not page.locator(".fields").count():
        page.locator(".line-toggle").first.click()
    level = page.locator(".fields tr").filter(has=page.get_by_text("severity_text", exact=True)).first
    value = level.locator("td").last.inner_text()
    level.get_by_role("button", name="Only lines without this").click()
    expected = f'{{service_name="{name}"}} | severity_text!="{value}"'
    expect(query).to_have_value(expected)
    count = len(loki(stack, expected, *nanoseconds(minute)))
    expect(page.get_by_role("status").first).to_have_text(f"{count} lines")


def test_lines_before_and_after_are_those_of_the_same_process(
    page: Page, console: str, stack: Stack, order_trace: str, minute: tuple[int, int]
) -> None:
    query = f'{ALL} | trace_id="{order_trace}" |= "order placed"'
    [[at, text, labels]] = loki(stack, query, *nanoseconds(minute))
    page.goto(f"{console}/logs?{httpx.QueryParams(query=query)}&{within(minute)}")
    page.locator(".line-toggle").first.click()
    page.get_by_role("button", name="Lines before and after").click()
    around = page.locator(".context .log-lines > li")
    expect(around.first).to_be_visible()
    stream = f'{{service_instance_id="{labels["service_instance_id"]}"}}'
    before = loki(stack, stream, int(at) - 3600 * 10**9, int(at), limit="10")
    shown = page.locator(".context .line-text").all_text_contents()
    # Sorted, as lines of one moment have no order.
    assert sorted(shown[: len(before)]) == sorted(line for _, line, _ in before)
    expect(page.locator(".context [aria-current='true'] .line-text")).to_have_text(text)


def test_labels_values_and_fields_are_completed(
    page: Page, console: str, stack: Stack, minute: tuple[int, int]
) -> None:
    page.goto(f"{console}/logs?{within(minute)}")
    query = page.get_by_label("LogQL query")
    query.fill("")
    query.press_sequentially("{service_n")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options).to_have_text([re.compile("service_name")])
    query.press("ArrowDown")
    query.press("Enter")
    expect(query).to_have_value('{service_name="')
    url = f"http://{stack.layout.address('loki')}/loki/api/v1/label/service_name/values"
    start, end = nanoseconds(minute)
    values = httpx.get(url, params={"start": start, "end": end}, trust_env=False, timeout=60).json()["data"]
    expect(options).to_have_text([re.compile(f"^{re.escape(value)}\\s*$") for value in values])
    query.press_sequentially("order")
    query.press("ArrowDown")
    query.press("Tab")
    expect(query).to_have_value('{service_name="orders"')
    query.press_sequentially("} | trace")
    expect(options.filter(has_text="trace_id")).to_be_visible()
    query.press("Escape")
    expect(options).to_have_count(0)


def test_what_loki_refuses_is_shown(page: Page, console: str) -> None:
    page.goto(f"{console}/logs?query={{service_name=")
    expect(page.get_by_role("alert").first).to_contain_text("parse error")
    expect(page.get_by_label("LogQL query")).to_be_editable()


def test_a_query_for_values_is_drawn(page: Page, console: str) -> None:
    query = f"sum by (service_name) (rate({ALL}[1m]))"
    page.goto(f"{console}/logs?{httpx.QueryParams(query=query)}")
    expect(page.locator(".time-series canvas")).to_be_visible()
    expect(page.locator(".legend")).to_contain_text("service_name=gateway")


def test_lines_appear_as_they_are_written(page: Page, console: str, stack: Stack) -> None:
    page.goto(f'{console}/logs?query={{service_name="edge-nginx"}}&live=on')
    expect(page.get_by_text("Live: lines appear as they are written.")).to_be_visible()
    name = uuid.uuid4().hex
    httpx.get(f"{stack.edge}/v1/stock/{name}", trust_env=False, timeout=60)
    line = page.locator(".log-line").filter(has_text=name)
    expect(line.first).to_be_visible()
    line.first.locator(".line-toggle").click()
    expect(line.first.locator(".fields")).to_contain_text("trace_id")
    expect(line.first.locator(".to-trace")).to_be_visible()


def test_a_tail_that_is_too_fast_says_what_it_lost(page: Page, console: str) -> None:
    lines: list[dict[str, Any]] = [
        {"nanoseconds": str(n * MILLISECOND), "text": f"line {n}", "labels": {}} for n in range(3000)
    ]
    body = "\n".join(map(json.dumps, [*lines, {"dropped": 1234}])) + "\n"
    page.route(
        re.compile("/api/loki/tail"),
        lambda route: route.fulfill(status=200, content_type="application/x-ndjson", body=body),
    )
    page.goto(f"{console}/logs?live=on")
    expect(page.locator("[data-dropped]").first).to_contain_text("lines came too fast")
    expect(page.get_by_text("line 2999", exact=True).first).to_be_visible()
    assert page.locator(".log-line").count() <= 1000


def test_what_lines_say_is_shown_as_text(page: Page, console: str) -> None:
    script = "<script>window.acted = 1</script><img src=x onerror='window.acted = 1'>"
    hostile = [script, "\x1b[2J\x1b[31mred\x07", "user\u202egpj.exe", "y" * 1_000_000]
    now = time.time_ns()
    values = [[str(now - n), text] for n, text in enumerate(hostile)]
    labels = {"service_name": script, "trace_id": "../../api", "<b>field": script}
    result = [{"stream": labels, "values": values}]

    def fulfil(route: Route) -> None:
        is_count = "count_over_time" in route.request.url
        data = {"resultType": "matrix" if is_count else "streams", "result": [] if is_count else result}
        route.fulfill(status=200, content_type="application/json", body=json.dumps({"data": data}))

    page.route(re.compile("/api/loki/query_range"), fulfil)
    page.goto(f"{console}/logs")
    lines = page.locator(".line-text")
    expect(lines).to_have_count(len(hostile))
    expect(lines.nth(0)).to_have_text(script)
    expect(lines.nth(1)).to_have_text("␛[2J␛[31mred␇")
    expect(lines.nth(2)).to_have_text("user⟨202E⟩gpj.exe")
    expect(lines.nth(2).locator("bdi")).to_have_count(1)
    assert len(lines.nth(3).inner_text()) < 3000
    lines.nth(3).get_by_role("button", name="more characters").click()
    assert 20_000 < len(lines.nth(3).inner_text()) < 30_000
    assert page.locator(".to-trace").count() == 0
    page.locator(".line-toggle").first.click()
    expect(page.locator(".fields")).to_contain_text(script)
    assert page.evaluate("window.acted") is None
    assert page.locator("main script, main img").count() == 0


def test_many_lines_are_drawn_as_they_are_needed(page: Page, console: str) -> None:
    now = time.time_ns()
    values = [[str(now - n), f"line {n}"] for n in range(5000)]
    result = [{"stream": {"service_name": "made"}, "values": values}]

    def fulfil(route: Route) -> None:
        is_count = "count_over_time" in route.request.url
        data = {"resultType": "matrix" if is_count else "streams", "result": [] if is_count else result}
        route.fulfill(status=200, content_type="application/json", body=json.dumps({"data": data}))

    page.route(re.compile("/api/loki/query_range"), fulfil)
    page.goto(f"{console}/logs?limit=5000")
    expect(page.get_by_role("status").first).to_have_text("5000 lines")
    lines = page.locator(".log-line")
    assert 0 < lines.count() <= 600
    first = page.locator(".line-toggle").first
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".line-toggle").nth(1)).to_be_focused()
    before = lines.count()
    page.get_by_role("button", name="more lines").scroll_into_view_if_needed()
    expect(lines.nth(before)).to_be_attached()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_is_accessible_and_fits_a_phone(
    new_page: Callable[..., Page],
    console: str,
    minute: tuple[int, int],
    inaccessible: Callable[[Page], list[str]],
    scheme: str,
) -> None:
    page = new_page(viewport=PHONE, color_scheme=scheme)
    page.goto(f"{console}/logs?limit=100&{within(minute)}")
    page.locator(".line-toggle").first.click()
    expect(page.locator(".fields")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert inaccessible(page) == []
