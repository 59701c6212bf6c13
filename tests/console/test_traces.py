"""Traces in a browser, beside what Jaeger and Loki answer."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from compose.cli.telemetry import Span
from compose.cli.waterfall import arrange
from tests.conftest import Stack, eventually
from tests.console.conftest import PHONE

pytestmark = pytest.mark.stack

# So tall that every row of an order's trace is in sight, and so is drawn.
TALL = {"width": 1440, "height": 6000}
MADE = "0af7651916cd43dd8448eb211c80319c"
SPANS = 20_000
START = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def spans(stack: Stack, order_trace: str) -> dict[str, Span]:
    """The order's spans by id, once no more of them come."""

    def settled() -> dict[str, Span]:
        before = len(stack.telemetry.trace(order_trace))
        time.sleep(1)
        found = stack.telemetry.trace(order_trace)
        assert before == len(found)
        return {span.span_id: span for span in found}

    return eventually(settled, 60)


@pytest.fixture
def tall(new_page: Callable[..., Page]) -> Page:
    return new_page(viewport=TALL)


@pytest.fixture
def waterfall(tall: Page, console: str, order_trace: str, spans: Mapping[str, Span]) -> Page:
    """The page of the order's trace, drawn to its last span, with its log lines among them."""
    tall.goto(f"{console}/trace/{order_trace}")
    expect(tall.locator("[data-span]")).to_have_count(len(spans))
    expect(tall.locator("[data-line]")).not_to_have_count(0)
    return tall


def drawn(page: Page) -> list[str]:
    return [str(row.get_attribute("data-span")) for row in page.locator("[data-span]").all()]


def test_every_span_stands_in_its_place(waterfall: Page, spans: Mapping[str, Span]) -> None:
    levels = {
        str(row.get_attribute("data-span")): int(row.get_attribute("aria-level") or 0) - 1
        for row in waterfall.locator("[data-span]").all()
    }
    rows, _ = arrange(spans.values(), ())
    assert levels == {row.span.span_id: row.depth for row in rows}
    assert list(levels) == [row.span.span_id for row in rows]
    expect(waterfall).to_have_title(f"{rows[0].span.service} {rows[0].span.name} · nextphase")
    facts = waterfall.locator(".trace > .facts")
    expect(facts).to_contain_text(f"{len(spans)} spans")
    expect(facts).to_contain_text(f"{len({span.service for span in spans.values()})} services")


def test_bars_are_as_long_as_their_spans(waterfall: Page, spans: Mapping[str, Span]) -> None:
    start, end = min(s.start for s in spans.values()), max(s.end for s in spans.values())
    script = "rows => rows.map(row => { const bar = row.querySelector('.bar').style; return [row.dataset.span, parseFloat(bar.left), parseFloat(bar.width)]; })"  # noqa: E501
    for span_id, left, width in waterfall.locator("[data-span]").evaluate_all(script):
        span = spans[span_id]
        assert left == pytest.approx((span.start - start) / (end - start) * 100, abs=0.01)
        assert width == pytest.approx(span.duration / (end - start) * 100, abs=0.01)


def test_log_lines_stand_at_the_spans_that_wrote_them(
    waterfall: Page, stack: Stack, order_trace: str, spans: Mapping[str, Span]
) -> None:
    def settled() -> None:
        lines = stack.telemetry.trace_logs(order_trace, list(spans.values()))
        assert len(lines) > 20
        waterfall.reload()
        expect(waterfall.locator(".trace > .facts")).to_contain_text(f"{len(lines)} log lines")

    eventually(settled, 60)
    lines = stack.telemetry.trace_logs(order_trace, list(spans.values()))
    shown: Counter[tuple[str, str]] = Counter()
    at = ""
    for row in waterfall.locator("[data-row]").all():
        at = row.get_attribute("data-span") or at
        if row.get_attribute("data-line"):
            shown[at, str(row.locator(".name").inner_text())] += 1
    assert shown == Counter((line.span_id, line.message) for line in lines if line.span_id in spans)


def test_spans_fold_by_keys_and_by_service(waterfall: Page, spans: Mapping[str, Span]) -> None:
    first = waterfall.locator("[data-row='0']")
    first.focus()
    waterfall.keyboard.press("ArrowLeft")
    expect(waterfall.locator("[data-span]")).to_have_count(1)
    assert "closed=" in waterfall.url
    waterfall.keyboard.press("ArrowRight")
    expect(waterfall.locator("[data-span]")).to_have_count(len(spans))
    waterfall.keyboard.press("ArrowDown")
    expect(waterfall.locator("[data-row='1']")).to_be_focused()
    waterfall.get_by_role("button", name=re.compile(r"^orders \d+$")).click()
    parents = {s.span_id: s.service for s in spans.values()}
    inner = [s for s in spans.values() if s.service == "orders" == parents.get(s.parent_id or "")]
    expect(waterfall.locator("[data-span]")).to_have_count(len(spans) - len(inner))
    waterfall.reload()
    expect(waterfall.locator("[data-span]")).to_have_count(len(spans) - len(inner))


def test_a_span_is_found_wherever_it_is_folded(waterfall: Page, spans: Mapping[str, Span]) -> None:
    wanted = list(spans)[-1]
    waterfall.locator("[data-row='0']").focus()
    waterfall.keyboard.press("ArrowLeft")
    waterfall.keyboard.press("/")
    waterfall.keyboard.type(wanted)
    expect(waterfall.get_by_text("1 of 1", exact=True)).to_be_visible()
    waterfall.keyboard.press("Enter")
    expect(waterfall.locator(f"[data-span='{wanted}']")).to_have_class(re.compile("target"))
    assert f"find={wanted}" in waterfall.url


def test_the_critical_path_leads_to_the_end(waterfall: Page) -> None:
    waterfall.get_by_label("Critical path").select_option("trace")
    parts = waterfall.locator(".row .critical")
    expect(parts.first).to_be_attached()
    script = "parts => parts.map(({ style }) => [parseFloat(style.left), parseFloat(style.left) + parseFloat(style.width)])"  # noqa: E501
    spread = sorted(parts.evaluate_all(script))
    assert spread[0][0] == 0
    assert max(end for _, end in spread) == pytest.approx(100, abs=0.01)
    for (_, end), (start, _) in pairwise(spread):
        assert start >= end - 0.01


def test_statistics_count_every_span(
    page: Page, console: str, order_trace: str, spans: Mapping[str, Span]
) -> None:
    page.goto(f"{console}/trace/{order_trace}?tab=statistics")
    table = page.get_by_role("table", name="By service")
    expect(table).to_be_visible()
    rows = table.locator("tbody tr")
    counts = {row.locator("th").inner_text(): int(row.locator("td").first.inner_text()) for row in rows.all()}
    assert counts == Counter(span.service for span in spans.values())


def test_details_show_what_jaeger_has(waterfall: Page, spans: Mapping[str, Span]) -> None:
    span = next(s for s in spans.values() if "db.query.text" in s.tags)
    waterfall.locator(f"[data-span='{span.span_id}']").press("Enter")
    details = waterfall.locator(".span-details")
    shown = details.get_by_role("table", name="Span").locator("tr")
    values = {row.locator("th").inner_text(): row.locator("td").inner_text() for row in shown.all()}
    assert set(values) == set(span.tags)
    assert values["db.system.name"] == span.tags["db.system.name"]
    assert f"span={span.span_id}" in waterfall.url


def test_links_are_followed_both_ways(
    page: Page, console: str, stack: Stack, order_trace: str, spans: Mapping[str, Span]
) -> None:
    published = next(s for s in spans.values() if s.name == "publish order.placed")
    page.goto(f"{console}/trace/{order_trace}?span={published.span_id}")
    links = page.get_by_role("heading", name="Links to").locator("..").get_by_role("link")
    expect(links).to_have_count(1)
    links.click()
    expect(page).to_have_url(re.compile(r"/trace/(?!" + order_trace + r")[0-9a-f]{32}\?span="))
    back = page.get_by_role("heading", name="Linked from").locator("..").get_by_role("link")
    back.filter(has_text="publish order.placed").locator(
        f"xpath=self::*[contains(@href, '{order_trace}')]"
    ).click()
    expect(page).to_have_url(f"{console}/trace/{order_trace}?span={published.span_id}")


def test_a_trace_is_downloaded_in_both_formats(
    page: Page, console: str, order_trace: str, spans: Mapping[str, Span], tmp_path: Path
) -> None:
    page.goto(f"{console}/trace/{order_trace}")
    documents: dict[str, Any] = {}
    for name in ("JSON", "OTLP"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        download.value.save_as(tmp_path / name)
        documents[name] = json.loads((tmp_path / name).read_text())
        assert order_trace in download.value.suggested_filename
    assert {span["spanID"] for span in documents["JSON"]["data"][0]["spans"]} == set(spans)
    otlp = [
        span["spanId"]
        for resource in documents["OTLP"]["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert sorted(otlp) == sorted(spans)


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        ("service=orders", {"service": "orders"}),
        ("service=orders&operation=INSERT", {"service": "orders", "operation": "INSERT"}),
        (
            "service=rio&tags=cloudevents.event_type%3Dorder.placed",
            {"service": "rio", "tags": '{"cloudevents.event_type":"order.placed"}'},
        ),
        ("service=edge-nginx&least=5ms&most=5s", {"minDuration": "5ms", "maxDuration": "5s"}),
    ],
)
def test_a_search_finds_what_jaeger_finds(
    page: Page, console: str, stack: Stack, order_trace: str, search: str, asked: dict[str, str]
) -> None:
    end = int(time.time()) * 1000
    start = end - 3_600_000
    question = {"service": "edge-nginx", "limit": "200", "start": f"{start}000", "end": f"{end}000"} | asked
    url = f"http://{stack.layout.address('jaeger')}/api/traces"
    found = httpx.get(url, params=question, trust_env=False, timeout=60).json()["data"]
    assert found
    page.goto(f"{console}/traces?{search}&limit=200&from={start}&to={end}")
    rows = page.locator("tr[data-trace]")
    expect(rows).to_have_count(len(found))
    ids = {str(row.get_attribute("data-trace")): row.locator("td").nth(3).inner_text() for row in rows.all()}
    assert ids == {trace["traceID"]: str(len(trace["spans"])) for trace in found}
    expect(page.locator("circle[data-trace]")).to_have_count(len(found))


def test_two_traces_are_compared(page: Page, console: str, order_trace: str) -> None:
    page.goto(f"{console}/traces?service=edge-nginx&limit=20")
    boxes = page.locator("tr[data-trace] input")
    expect(boxes.nth(1)).to_be_visible()
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("link", name="Compare the two").click()
    expect(page.locator(".summaries .card")).to_have_count(2)
    page.goto(f"{console}/compare?left={order_trace}&right={order_trace}")
    expect(page.locator("table.compared tbody tr").first).to_be_visible()
    differences = {
        cell.inner_text() for cell in page.locator("table.compared tbody tr td:nth-child(4)").all()
    }
    assert all(re.fullmatch(r"0( µs)?", text) for text in differences), differences
    page.get_by_label("only where spans or failures differ").check()
    expect(page.get_by_text("Both have the same spans.")).to_be_visible()


def made(spans: list[dict[str, Any]]) -> dict[str, Any]:
    """A trace as Jaeger answers it."""
    processes = {"p": {"serviceName": "made", "tags": []}}
    return {"data": [{"traceID": MADE, "spans": spans, "processes": processes}]}


def made_span(number: int, parent: int | None, name: str, **tags: str) -> dict[str, Any]:
    references = [{"refType": "CHILD_OF", "traceID": MADE, "spanID": f"{parent:016x}"}] if parent else []
    return {
        "traceID": MADE,
        "spanID": f"{number:016x}",
        "operationName": name,
        "references": references,
        "startTime": START + number,
        "duration": SPANS,
        "tags": [{"key": key, "type": "string", "value": value} for key, value in tags.items()],
        "logs": [],
        "processID": "p",
        "warnings": None,
    }


def answer_with(page: Page, document: dict[str, Any]) -> None:
    """Have the page believe that Jaeger answers so; Loki has no lines of it."""
    body = json.dumps(document)

    def fulfil(route: Route) -> None:
        route.fulfill(status=200, content_type="application/json", body=body)

    page.route(re.compile(rf"/api/jaeger/traces/{MADE}"), fulfil)


def test_twenty_thousand_spans_stay_usable(page: Page, console: str) -> None:
    # Each hundredth begins a level below the last.
    document = made(
        [made_span(n, (n - 1) // 100 * 100 if n > 1 else None, f"span {n}") for n in range(1, SPANS + 1)]
    )
    for span in document["data"][0]["spans"][:100]:
        span["references"] = []
    answer_with(page, document)
    page.goto(f"{console}/trace/{MADE}")
    grid = page.get_by_role("treegrid")
    expect(grid).to_have_attribute("aria-rowcount", str(SPANS + 1))
    rows = page.locator("[data-row]")
    expect(rows.first).to_be_visible()
    assert rows.count() < 150
    rows.first.focus()
    page.keyboard.press("End")
    last = page.locator(f"[data-row='{SPANS - 1}']")
    expect(last).to_be_focused()
    assert rows.count() < 150
    last.press("Enter")
    expect(page.locator(".span-details")).to_be_visible()
    page.mouse.wheel(0, -200_000)
    expect(last).to_have_count(0)
    assert 0 < rows.count() < 150
    page.get_by_label("Find in spans and log lines").fill("span 12345")
    expect(page.get_by_text("1 of 1", exact=True)).to_be_visible()
    expect(page.locator("[data-row='12344']")).to_be_visible()


def test_what_spans_say_is_shown_as_text(page: Page, console: str) -> None:
    script = "<script>window.acted = 1</script><img src=x onerror='window.acted = 1'>"
    tags = {"red": "\x1b[31mred\x1b[0m", "long": "x" * 1_000_000, "file": "a\u202egpj.exe", script: script}
    answer_with(page, made([made_span(1, None, script, **tags)]))
    page.goto(f"{console}/trace/{MADE}?span={1:016x}")
    expect(page.locator("h1")).to_contain_text(script)
    expect(page.locator("[data-span] .name")).to_contain_text(script)
    table = page.get_by_role("table", name="Span")
    expect(table).to_contain_text("␛[31mred␛[0m")
    expect(table).to_contain_text("a⟨202E⟩gpj.exe")
    expect(table.get_by_role("button", name="more characters")).to_be_visible()
    assert len(page.locator("main").inner_text()) < 50_000
    assert page.evaluate("window.acted") is None
    assert page.locator("main script, main img").count() == 0


def test_a_trace_that_is_not_there_is_said_to_be(page: Page, console: str) -> None:
    page.goto(f"{console}/trace/{'e' * 32}")
    expect(page.get_by_text("Jaeger has no such trace")).to_be_visible()
    page.goto(f"{console}/trace/nonsense")
    expect(page.get_by_text("A trace id is 32 hexadecimal digits")).to_be_visible()


def test_without_jaeger_its_lines_are_still_shown(page: Page, console: str, order_trace: str) -> None:
    problem = {"title": "jaeger is not available", "status": 502}
    page.route(
        re.compile("/api/jaeger/"),
        lambda route: route.fulfill(
            status=502, content_type="application/problem+json", body=json.dumps(problem)
        ),
    )
    page.goto(f"{console}/trace/{order_trace}")
    expect(page.get_by_role("alert")).to_contain_text("jaeger is not available")
    expect(page.locator(".log-line").first).to_be_visible()


@pytest.mark.parametrize(
    "path", ["/traces", "/trace/{}", "/trace/{}?tab=statistics", "/compare?left={0}&right={0}"]
)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_pages_are_accessible_and_fit_a_phone(
    new_page: Callable[..., Page],
    console: str,
    order_trace: str,
    inaccessible: Callable[[Page], list[str]],
    path: str,
    scheme: str,
) -> None:
    page = new_page(viewport=PHONE, color_scheme=scheme)
    page.goto(console + path.format(order_trace))
    expect(page.locator("table tbody tr, [data-span]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert inaccessible(page) == []
