"""Dashboards in a real browser: what they draw is what the stores answer."""

import csv
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from dashboards.generate import GENERATED
from dashboards.queries import documents, queries, queries_of
from tests.conftest import ROOT, Stack, eventually
from tests.console import every_kind
from tests.console.conftest import PHONE
from tests.console.pages import settled

pytestmark = pytest.mark.timeout(600)

UIDS = sorted(path.stem for path in GENERATED.glob("*.json"))
_STORES = {"prometheus": "/api/v1/", "loki": "/loki/api/v1/"}
_ASKED = re.compile(r"/api/(prometheus|loki)/(query_range|query|query_exemplars)$")


@pytest.fixture(scope="package")
def span(stack: Stack, order_trace: str) -> dict[str, str]:
    """A time range with an order in it, in the past, so that answers stay what they are."""
    assert order_trace
    url = f"http://{stack.layout.address('prometheus')}/api/v1/query"

    def now() -> float:
        # Old enough that every scrape of the range has been stored.
        answer = httpx.get(url, params={"query": "sum(rio_events_accepted_total)"}, trust_env=False).json()
        assert answer["data"]["result"], "Rio's events are not counted yet"
        return float(answer["data"]["result"][0]["value"][0])

    end = math.floor(eventually(now, 60.0)) - 15
    return {"from": str((end - 600) * 1000), "to": str(end * 1000), "refresh": "off"}


@pytest.fixture
def asked(page: Page) -> list[Request]:
    """The questions that the page asks the stores, in order."""
    found: list[Request] = []
    page.on(
        "request",
        lambda request: found.append(request) if _ASKED.search(urlsplit(request.url).path) else None,
    )
    return found


@pytest.fixture
def every(page: Page) -> None:
    """Serve a dashboard of every kind of panel; its JSON is the test's, its data the stores'."""

    def serve(route: Route) -> None:
        route.fulfill(json=every_kind.dashboard())

    page.route(f"**/api/dashboards/{every_kind.UID}", serve)


def parameters(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def answer_of(stack: Stack, request: Request) -> Any:
    """The store's own answer to a page's request."""
    found = _ASKED.search(urlsplit(request.url).path)
    assert found
    url = f"http://{stack.layout.address(found[1])}{_STORES[found[1]]}{found[2]}"
    answer = httpx.get(url, params=parameters(request), timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def path_of(uid: str, span: dict[str, str], **more: str) -> str:
    return f"/d/{uid}?" + "&".join(f"{name}={value}" for name, value in {**span, **more}.items())


def named(page: Page, title: str) -> Locator:
    return settled(page.locator(f'section.panel[data-panel="{title}"]'))


def number(text: str | None) -> float:
    return math.nan if text in (None, "") else float(text or "nan")


def values_of(series: dict[str, Any]) -> list[float]:
    return [float(value) for _, value in series["values"] if value != "NaN"]


def close(shown: float, told: float) -> bool:
    return math.isclose(shown, told, rel_tol=1e-9, abs_tol=1e-12)


def legend(template: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{\s*(.+?)\s*\}\}", lambda match: labels.get(match[1], ""), template)


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_draws_what_the_store_answered(
    page: Page, console: str, stack: Stack, span: dict[str, str], asked: list[Request], uid: str
) -> None:
    """Each panel against the store's own answer to the very question that the panel asked."""
    board = json.loads((GENERATED / f"{uid}.json").read_text())
    wanted = [panel for panel in board["panels"] if panel["type"] != "row"]
    page.goto(console + path_of(uid, span))
    panels = page.locator("section.panel")
    expect(panels).to_have_count(len(wanted))
    for position, panel in enumerate(wanted):
        shown = panels.nth(position)
        assert shown.get_attribute("data-panel") == panel["title"]
        settled(shown)
        assert shown.locator(".note.error, .unsupported").count() == 0, shown.inner_text()
        _compare(stack, panel, shown, _questions(panel, asked))


def _questions(panel: dict[str, Any], asked: list[Request]) -> list[Request]:
    """The panel's questions, in the order of its queries."""
    found = []
    for target in panel["targets"]:
        pattern = re.compile(re.sub(r"\\\$\w+", r"[^\[\]{}]*?", re.escape(target["expr"])))
        fitting = [
            request
            for request in asked
            if pattern.fullmatch(parameters(request)["query"]) and not request.url.count("query_exemplars")
        ]
        assert fitting, f"{panel['title']}: {target['expr']} was not asked"
        found.append(fitting[-1])
    return found


def _compare(stack: Stack, panel: dict[str, Any], shown: Locator, questions: list[Any]) -> None:
    answers = [answer_of(stack, question) for question in questions]
    told = [
        (target, one)
        for target, answer in zip(panel["targets"], answers, strict=True)
        for one in answer["result"]
    ]
    if not any(series.get("values") or series.get("value") for _, series in told):
        message = panel["fieldConfig"]["defaults"].get("noValue") or "No data"
        expect(shown.get_by_text("No log lines" if panel["type"] == "logs" else message)).to_be_visible()
        return
    _COMPARISONS[panel["type"]](shown, told)


def _compare_curves(shown: Locator, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    drawn = Counter(
        (row["name"], *(None if math.isnan(value) else float(f"{value:.9g}") for value in row["values"]))
        for row in shown.locator("tr[data-curve]").evaluate_all(
            "rows => rows.map(row => ({name: row.dataset.curve, values:"
            " ['lastNotNull', 'max'].map(id => row.querySelector(`[data-calculation=${id}]`).dataset.value)"
            ".map(text => text === '' ? NaN : Number(text))}))"
        )
    )
    expected: Counter[tuple[object, ...]] = Counter()
    for target, series in told:
        values = values_of(series)
        shown_values = (float(f"{values[-1]:.9g}"), float(f"{max(values):.9g}")) if values else (None, None)
        expected[(legend(target["legendFormat"], series["metric"]), *shown_values)] += 1
    assert drawn == expected
    _wait_for_paint(shown)


def _wait_for_paint(shown: Locator) -> None:
    """Wait until the plot has a curve's hue; lines along the axis are mixed with the grid's grey."""
    script = r"""panel => {
      const canvas = panel.querySelector(".plot canvas");
      if (!canvas || canvas.width === 0) return false;
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const strongest = colour => colour.indexOf(Math.max(...colour));
      const wanted = new Set([...panel.querySelectorAll("[data-curve] .swatch")].map(one =>
        strongest(getComputedStyle(one).backgroundColor.match(/\d+/g).slice(0, 3).map(Number))));
      for (let at = 0; at < data.length; at += 4) {
        const colour = [...data.slice(at, at + 3)];
        if (data[at + 3] <= 60 || Math.max(...colour) - Math.min(...colour) <= 30) continue;
        if (wanted.has(strongest(colour))) return true;
      }
      return false;
    }"""
    shown.page.wait_for_function(script, arg=shown.element_handle(), polling=250)


def _compare_numbers(shown: Locator, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    drawn = [
        number(one)
        for one in shown.locator("li[data-value]").evaluate_all("all => all.map(one => one.dataset.value)")
    ]
    expected = [values_of(series)[-1] if values_of(series) else math.nan for _, series in told]
    assert len(drawn) == len(expected)
    for value, wanted in zip(drawn, expected, strict=True):
        assert (math.isnan(value) and math.isnan(wanted)) or close(value, wanted), (drawn, expected)


def _compare_table(shown: Locator, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    rows = shown.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => Object.fromEntries([...row.cells]"
        ".map(cell => [cell.dataset.column, cell.dataset.value])))"
    )
    labels = sorted({name for _, series in told for name in series["metric"] if name != "__name__"})
    wanted: dict[tuple[str, ...], list[float]] = {}
    for _, series in told:
        key = tuple(series["metric"].get(name, "") for name in labels)
        wanted.setdefault(key, []).append(float(series["value"][1]))
    assert len(rows) == len(wanted)
    for row in rows:
        values = [number(value) for name, value in row.items() if name not in labels and value]
        told_values = wanted[tuple(row[name] or "" for name in labels)]
        assert values == pytest.approx(told_values, rel=1e-9, abs=1e-12), row


def _compare_states(shown: Locator, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    names = shown.locator(".state-row").evaluate_all("rows => rows.map(row => row.dataset.series)")
    assert sorted(names) == sorted(
        legend(target["legendFormat"], series["metric"]) for target, series in told
    )


def _compare_buckets(shown: Locator, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    assert told
    assert shown.locator("canvas").evaluate("canvas => canvas.width") > 0


def _compare_lines(shown: Locator, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    newest = sorted(((int(at), text) for _, stream in told for at, text in stream["values"]), reverse=True)
    texts = shown.locator(".line-text bdi").all_text_contents()
    assert len(texts) == min(len(newest), 300)
    assert Counter(texts) == Counter(text for _, text in newest)
    assert texts[0] in {text for at, text in newest if at == newest[0][0]}


_COMPARISONS: dict[str, Callable[[Locator, list[tuple[dict[str, Any], dict[str, Any]]]], None]] = {
    "timeseries": _compare_curves,
    "stat": _compare_numbers,
    "table": _compare_table,
    "logs": _compare_lines,
    "state-timeline": _compare_states,
    "heatmap": _compare_buckets,
}


@pytest.mark.parametrize("uid", UIDS)
def test_each_query_is_asked_once(
    page: Page, console: str, span: dict[str, str], asked: list[Request], uid: str
) -> None:
    """No store is asked the same twice, and what is asked is what the dashboards say."""
    page.goto(console + path_of(uid, span))
    panels = page.locator("section.panel")
    expect(panels.first).to_be_visible()
    for position in range(panels.count()):
        settled(panels.nth(position))
    board = documents()[uid]
    wanted = Counter(
        query.expression for query in queries_of(board, __rate_interval="20s", __auto="1s", __range="600s")
    )
    wanted.update(annotation["expr"] for annotation in board["annotations"]["list"])
    found = Counter(parameters(one)["query"] for one in asked if "query_exemplars" not in one.url)
    assert found == wanted
    exemplars = Counter(parameters(one)["query"] for one in asked if "query_exemplars" in one.url)
    assert exemplars - wanted == Counter()
    page.keyboard.press("d")
    page.keyboard.press("r")
    page.wait_for_load_state("networkidle")
    assert (
        Counter(parameters(one)["query"] for one in asked if "query_exemplars" not in one.url)
        - wanted
        - wanted
        == Counter()
    )


def test_the_scrape_interval_is_prometheus_own() -> None:
    """`$__rate_interval` is computed from it."""
    configured = re.search(
        r"scrape_interval: (\d+)s", (ROOT / "observability/prometheus/prometheus.yml").read_text()
    )
    source = (ROOT / "observability/console/web/src/dashboards/interval.ts").read_text()
    assumed = re.search(r"SCRAPE_INTERVAL = ([\d_]+);", source)
    assert configured
    assert assumed
    assert int(assumed[1]) == 1000 * int(configured[1])


def test_panels_out_of_sight_ask_nothing(
    page: Page, console: str, span: dict[str, str], asked: list[Request]
) -> None:
    page.goto(console + path_of("nextphase-rio", span))
    settled(page.locator("section.panel").first)
    page.wait_for_load_state("networkidle")
    few = len(asked)
    assert 0 < few < len(queries()) / 3
    settled(page.locator("section.panel").last)
    page.wait_for_load_state("networkidle")
    assert len(asked) > few


def test_questions_are_cancelled_when_the_page_leaves(page: Page, console: str, span: dict[str, str]) -> None:
    page.route("**/api/prometheus/query_range*", lambda route: None)  # an answer that does not come
    page.goto(console + path_of("nextphase-gateway", span))
    with page.expect_request(lambda request: "query_range" in request.url):
        expect(page.locator("section.panel").first).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "query_range" in request.url):
        page.get_by_role("link", name="Dashboards", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboards")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")


def test_the_list_leads_to_each_dashboard(page: Page, console: str) -> None:
    page.goto(console + "/dashboards")
    for uid in UIDS:
        title = json.loads((GENERATED / f"{uid}.json").read_text())["title"]
        expect(page.get_by_role("main").get_by_role("link", name=title, exact=True)).to_have_attribute(
            "href", f"/d/{uid}"
        )
    page.get_by_label("Find a dashboard").fill("gate")
    expect(page.locator(".dashboards li")).to_have_count(1)


def test_a_drag_zooms_and_a_double_click_zooms_out(page: Page, console: str, span: dict[str, str]) -> None:
    page.goto(console + path_of("nextphase-platform", span))
    plot = named(page, "Rate").locator(".u-over")
    box = plot.bounding_box()
    assert box
    # The later half: a young instance has values there alone.
    page.mouse.move(box["x"] + box["width"] * 0.495, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.995, box["y"] + 30, steps=5)
    page.mouse.up()
    half = (int(span["to"]) - int(span["from"])) / 2
    page.wait_for_url(lambda url: url != console + path_of("nextphase-platform", span))
    shown = _range(page)
    assert shown[1] - shown[0] == pytest.approx(half, rel=0.05)
    settled(page.locator('section.panel[data-panel="Rate"]'))
    page.locator('section.panel[data-panel="Rate"] .u-over').dblclick()
    page.wait_for_function(
        "([from]) => new URLSearchParams(location.search).get('from') !== from", arg=[str(shown[0])]
    )
    # By half a range to either side, but to no time that is still to come.
    start, end = _range(page)
    assert shown[0] - start == pytest.approx(half / 2, rel=0.05)
    assert shown[1] < end <= time.time() * 1000
    page.go_back()
    page.wait_for_function(
        "([from]) => new URLSearchParams(location.search).get('from') === from", arg=[str(shown[0])]
    )


def test_another_range_is_asked_for_once(
    page: Page, console: str, span: dict[str, str], asked: list[Request]
) -> None:
    """And not the old one again."""
    page.goto(console + path_of("nextphase-platform", span))
    settled(page.locator("section.panel").first)
    page.wait_for_load_state("networkidle")
    before = len(asked)
    page.keyboard.press("t")
    with asks(page, "avg(up"):
        page.keyboard.press("ArrowLeft")
    settled(page.locator("section.panel").first)
    page.wait_for_load_state("networkidle")
    starts = {parameters(one)["start"] for one in asked[before:] if "query_range" in one.url}
    assert len({int(start) // 60 for start in starts if len(start) < 12}) == 1
    assert max(Counter(one.url for one in asked[before:]).values()) == 1


def _range(page: Page) -> tuple[int, int]:
    query = parse_qs(urlsplit(page.url).query)
    return int(query["from"][0]), int(query["to"][0])


def test_the_keys_of_grafana(page: Page, console: str, span: dict[str, str]) -> None:
    page.goto(console + path_of("nextphase-platform", span))
    named(page, "Rate").hover()
    for keys, change in (
        (("t", "z"), (-0.5, 0.5)),
        (("t", "ArrowLeft"), (-0.5, -0.5)),
        (("t", "ArrowRight"), (0.5, 0.5)),
    ):
        start, end = _range(page)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_function(
            "([from]) => new URLSearchParams(location.search).get('from') !== from", arg=[str(start)]
        )
        moved = _range(page)
        assert moved[0] == pytest.approx(start + change[0] * (end - start), abs=2)
        # Zooming out ends now at the latest.
        assert moved[1] == pytest.approx(end + change[1] * (end - start), abs=2) or keys == ("t", "z")
    settled(page.locator('section.panel[data-panel="Rate"]'))
    page.keyboard.press("v")
    page.wait_for_url(re.compile("viewPanel="))
    expect(page.locator("section.panel")).to_have_count(1)
    expect(page.locator("section.panel")).to_have_attribute("data-panel", "Rate")
    page.keyboard.press("i")
    expect(page.get_by_role("dialog", name="Inspect: Rate")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("e")
    expect(page.locator(".inspect .query")).to_contain_text("traces_span_metrics_calls_total")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "viewPanel" not in url)
    expect(page.locator("section.panel").nth(1)).to_be_visible()


def test_d_r_asks_again(page: Page, console: str, span: dict[str, str], asked: list[Request]) -> None:
    page.goto(console + path_of("nextphase-platform", {**span, "from": "now-10m", "to": "now"}))
    settled(page.locator("section.panel").first)
    page.wait_for_load_state("networkidle")
    before = len(asked)
    page.keyboard.press("d")
    with page.expect_request(lambda request: "query_range" in request.url):
        page.keyboard.press("r")
    assert len(asked) > before


def test_inspection_shows_and_saves_the_data(
    page: Page, console: str, stack: Stack, span: dict[str, str], asked: list[Request], tmp_path: Path
) -> None:
    page.goto(console + path_of("nextphase-service", span))
    panel = named(page, "CPU")
    panel.get_by_role("link", name="Inspect CPU").click()
    dialogue = page.get_by_role("dialog", name="Inspect: CPU")
    with page.expect_download() as download:
        dialogue.get_by_role("button", name="Download CSV").click()
    saved = tmp_path / "panel.csv"
    download.value.save_as(saved)
    rows = list(csv.reader(saved.open()))
    question = next(one for one in asked if "process_cpu_seconds_total" in parameters(one)["query"])
    told = answer_of(stack, question)["result"]
    assert rows[0] == ["Time", *(series["metric"]["instance"] for series in told)]
    for column, series in enumerate(told, start=1):
        assert [float(row[column]) for row in rows[1:] if row[column]] == pytest.approx(values_of(series))
    dialogue.get_by_role("tab", name="Query").click()
    page.wait_for_url(re.compile("inspectTab=query"))
    expect(dialogue.locator(".query")).to_have_text(parameters(question)["query"])


def test_an_exemplar_opens_its_trace(
    page: Page, console: str, span: dict[str, str], asked: list[Request]
) -> None:
    page.goto(console + path_of("nextphase-platform", span))
    panel = named(page, "Duration p99")
    page.wait_for_load_state("networkidle")
    plot = panel.locator(".plot")
    box = panel.locator(".u-over").bounding_box()
    assert box
    assert any("query_exemplars" in one.url for one in asked)
    places = ((x, y) for x in range(2, int(box["width"]), 4) for y in range(2, int(box["height"]), 8))
    for x, y in reversed(list(places)):
        page.mouse.move(box["x"] + x, box["y"] + y)
        if "pointing" in (plot.get_attribute("class") or ""):
            page.mouse.click(box["x"] + x, box["y"] + y)
            break
    link = page.get_by_role("dialog", name="Values at the cursor").get_by_role("link")
    expect(link).to_have_attribute("href", re.compile(r"^/trace/[0-9a-f]{32}"))
    link.click()
    page.wait_for_url(re.compile(r"/trace/[0-9a-f]{32}"))


def test_a_legend_isolates_and_the_address_says_so(page: Page, console: str, span: dict[str, str]) -> None:
    page.goto(console + path_of("nextphase-platform", span))
    panel = named(page, "Rate")
    panel.get_by_role("button", name="gateway", exact=True).click()
    page.wait_for_url(re.compile("only-.*=gateway"))
    expect(panel.locator("tr[data-curve=gateway] button")).to_have_attribute("aria-pressed", "true")
    expect(panel.locator(".plot")).to_have_attribute("aria-label", re.compile(r"^Rate: 1 curves"))
    page.reload()
    expect(named(page, "Rate").locator(".plot")).to_have_attribute(
        "aria-label", re.compile(r"^Rate: 1 curves")
    )
    page.locator('section.panel[data-panel="Rate"]').get_by_role("button", name="gateway", exact=True).click()
    page.wait_for_url(lambda url: "only-" not in url)


def test_a_legend_sorts_and_the_address_says_so(page: Page, console: str, span: dict[str, str]) -> None:
    def names(panel: Locator) -> list[str]:
        return [str(row.get_attribute("data-curve")) for row in panel.locator("tr[data-curve]").all()]

    page.goto(console + path_of("nextphase-platform", span))
    panel = named(page, "Rate")
    for is_descending in (False, True):
        panel.get_by_role("button", name=re.compile("^Name")).click()
        page.wait_for_url(re.compile("sort-.*=-" if is_descending else r"sort-.*=\d"))
        assert names(panel) == sorted(names(panel), key=str.lower, reverse=is_descending)
    before = names(panel)
    page.reload()
    panel = named(page, "Rate")
    expect(panel.locator("tr[data-curve]")).to_have_count(len(before))
    assert names(panel) == before
    panel.get_by_role("button", name=re.compile("^Name")).click()
    page.wait_for_url(lambda url: "sort-" not in url)


def test_a_data_link_keeps_the_time(page: Page, console: str, span: dict[str, str]) -> None:
    page.goto(console + path_of("nextphase-platform", span))
    panel = named(page, "Rate")
    panel.get_by_role("button", name="gateway", exact=True).click()
    plot = panel.locator(".plot")
    plot.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Values at the cursor").get_by_role("link", name="Service").click()
    page.wait_for_url(re.compile("/d/nextphase-service"))
    query = parse_qs(urlsplit(page.url).query)
    assert (query["var-service"], query["from"], query["to"]) == (["gateway"], [span["from"]], [span["to"]])
    expect(variable(page, "service")).to_have_value("gateway")


def test_a_variable_is_in_the_address_and_in_the_queries(
    page: Page, console: str, span: dict[str, str], asked: list[Request]
) -> None:
    page.goto(console + path_of("nextphase-service", span))
    settled(page.locator("section.panel").first)
    with asks(page, 'service="rio"'):
        variable(page, "service").select_option("rio")
    page.wait_for_url(re.compile("var-service=rio"))
    before = len(asked)
    page.reload()
    expect(variable(page, "service")).to_have_value("rio")
    settled(page.locator("section.panel").first)
    assert all('"gateway"' not in parameters(one)["query"] for one in asked[before:])


def variable(page: Page, name: str) -> Locator:
    """The field of a variable."""
    return page.locator(f"[data-variable={name}]").locator("select, input")


def asks(page: Page, text: str) -> AbstractContextManager[object]:
    """Wait until the page asks a store something with a text in it."""
    return page.expect_request(
        lambda request: (
            bool(_ASKED.search(urlsplit(request.url).path)) and text in parameters(request)["query"]
        )
    )


@pytest.mark.usefixtures("every")
def test_variables_of_every_kind(page: Page, console: str, span: dict[str, str]) -> None:
    with asks(page, "|gateway|"):
        page.goto(console + path_of(every_kind.UID, span))
    page.get_by_role("button", name=re.compile("^Service: All")).click()
    choices = page.get_by_role("group", name="Service", exact=True)
    choices.get_by_label("gateway").check()
    choices.get_by_label("rio").check()
    with asks(page, 'service=~"(gateway|rio)"'):
        page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("var-service=gateway&var-service=rio"))
    expect(variable(page, "instance")).to_have_value(re.compile("^(gateway|rio)"))
    named(page, "Logarithmic")
    with asks(page, "histogram_quantile(0.5"):
        variable(page, "share").select_option("Half")
    page.wait_for_url(re.compile(r"var-share=0\.5"))
    expect(named(page, "Logarithmic")).to_contain_text("pHalf")
    named(page, "Overrides")
    with asks(page, "process_cpu_seconds_total[20s]"):
        variable(page, "window").select_option("auto")
    variable(page, "words").fill("stock")
    variable(page, "words").press("Enter")
    page.wait_for_url(re.compile("var-words=stock"))
    expect(named(page, "Words")).to_contain_text("Of stock")


@pytest.mark.usefixtures("every")
def test_every_kind_of_panel_is_drawn(
    page: Page, console: str, stack: Stack, span: dict[str, str], asked: list[Request]
) -> None:
    page.goto(console + path_of(every_kind.UID, span))
    assert re.search("^3", named(page, "Gauge").locator("text.value").text_content() or "")
    bars = named(page, "Bars").locator("li[data-value]")
    ups = next(one for one in asked if parameters(one)["query"] == "sum by (service) (up)")
    told = answer_of(stack, ups)["result"]
    assert [number(one.get_attribute("data-value")) for one in bars.all()] == [
        values_of(one)[-1] for one in told
    ]
    mapped = named(page, "Mapped")
    assert set(mapped.locator(".value").all_inner_texts()) <= {"UP", "0"}
    states = named(page, "States")
    rows = next(one for one in asked if parameters(one)["query"].startswith('up{service=~"gateway'))
    names = [legend("{{instance}}", one["metric"]) for one in answer_of(stack, rows)["result"]]
    assert [one.get_attribute("data-series") for one in states.locator(".state-row").all()] == names
    assert set(states.locator("[data-state]").evaluate_all("all => all.map(one => one.dataset.state)")) <= {
        "up",
        "down",
    }
    assert named(page, "History").locator("[data-state=up]").count() > len(names)
    words = named(page, "Words")
    expect(words.locator("strong")).to_have_text("one")
    expect(words).to_contain_text("<img src=x onerror=alert(1)>")
    assert words.locator("img").count() == 0
    assert named(page, "Heatmap").locator("canvas").evaluate("canvas => canvas.width") > 0
    right = named(page, "Overrides")
    expect(right.get_by_role("button", name="Memory of memory")).to_be_visible()


@pytest.mark.usefixtures("every")
def test_tables_transform_link_and_sort(page: Page, console: str, span: dict[str, str]) -> None:
    page.goto(console + path_of(every_kind.UID, span))
    reduced = named(page, "Reduced")
    assert reduced.locator("th").all_inner_texts() == ["Count", "Field", "Most"]
    linked = named(page, "Linked")
    instances = linked.locator("td[data-column=instance]")
    assert instances.all_inner_texts() == sorted(instances.all_inner_texts(), reverse=True)
    expect(instances.first.get_by_role("link")).to_have_attribute(
        "href", re.compile(r"^/d/nextphase-service\?.*var-service=")
    )
    total = sum(
        number(one.get_attribute("data-value")) for one in linked.locator("tbody td[data-column=Value]").all()
    )
    assert number(linked.locator("tfoot td.number").inner_text()) == total
    linked.get_by_role("button", name=re.compile("^instance")).click()
    page.wait_for_url(re.compile("sort-.*=none"))
    linked.get_by_role("button", name=re.compile("^instance")).click()
    page.wait_for_url(re.compile("sort-.*=instance"))
    assert instances.all_inner_texts() == sorted(instances.all_inner_texts())


@pytest.mark.usefixtures("every")
def test_rows_fold_and_panels_repeat(page: Page, console: str, span: dict[str, str]) -> None:
    page.goto(console + path_of(every_kind.UID, span))
    expect(page.get_by_role("button", name=re.compile("Of (gateway|rio)$"))).to_have_count(2)
    expect(page.locator('section.panel[data-panel^="Each "]')).to_have_count(2)
    expect(page.locator('section.panel[data-panel="Inside"]')).to_have_count(0)
    page.get_by_role("button", name=re.compile("Folded")).click()
    expect(named(page, "Inside").locator("li[data-value]")).to_have_attribute("data-value", "7")
    page.wait_for_url(re.compile("rows="))
    page.reload()
    expect(page.locator('section.panel[data-panel="Inside"]')).to_have_count(1)


@pytest.mark.usefixtures("every")
def test_what_is_not_drawn_is_named_and_what_fails_says_why(
    page: Page, console: str, span: dict[str, str]
) -> None:
    page.goto(console + path_of(every_kind.UID, span))
    pie = page.locator('section.panel[data-panel="Pie"]').first
    pie.scroll_into_view_if_needed()
    expect(pie).to_contain_text("does not draw panels of the type piechart")
    spun = page.locator('section.panel[data-panel="Spun"]').first
    settled(spun).get_by_role("button", name="Not drawn: 1").click()
    expect(spun.get_by_role("note")).to_contain_text("fieldConfig.defaults.custom.axisCenteredZero true")
    expect(named(page, "Broken").get_by_role("alert")).to_contain_text("parse error")
    assert named(page, "Limits").locator(".unsupported").count() == 0


def test_warnings_of_a_store_are_shown(page: Page, console: str, span: dict[str, str]) -> None:
    """A store that left something out says so, and the panel passes it on."""

    def warn(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(json={**answer.json(), "warnings": ["500 of 612 series are shown"]})

    page.route("**/api/prometheus/query_range*", warn)
    page.goto(console + path_of("nextphase-platform", span))
    panel = named(page, "Hops up")
    panel.get_by_role("button", name="Warnings: 1").click()
    expect(panel.get_by_role("note")).to_have_text("500 of 612 series are shown")
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.usefixtures("every")
def test_annotations_are_drawn_and_can_be_left_out(
    page: Page, console: str, span: dict[str, str], asked: list[Request]
) -> None:
    annotation = 'up{service="rio", instance="rio-api"}'
    with asks(page, annotation):
        page.goto(console + path_of(every_kind.UID, span))
    settled(page.locator("section.panel").first)
    assert len([one for one in asked if parameters(one)["query"] == annotation]) == 1
    page.get_by_role("checkbox", name="Up").uncheck()
    page.wait_for_url(re.compile("annotations-off=Up"))


def test_a_store_that_is_down_leaves_the_rest_of_the_page(
    page: Page, console: str, span: dict[str, str]
) -> None:
    problem = {"type": "about:blank", "status": 502, "title": "loki is not available"}
    page.route("**/api/loki/**", lambda route: route.fulfill(status=502, json=problem))
    page.goto(console + path_of("nextphase-platform", span))
    expect(named(page, "Log lines").get_by_role("alert")).to_contain_text("loki is not available")
    assert named(page, "Hops up").locator("li[data-value]").count() == 1


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_dashboards_are_accessible(
    new_page: Callable[..., Page],
    console: str,
    span: dict[str, str],
    inaccessible: Callable[[Page], list[str]],
    scheme: str,
) -> None:
    page = new_page(color_scheme=scheme)
    page.goto(console + path_of("nextphase-platform", span))
    panels = page.locator("section.panel")
    for position in range(panels.count()):
        settled(panels.nth(position))
    assert inaccessible(page) == []


def test_a_phone_shows_panels_below_each_other(
    new_page: Callable[..., Page], console: str, span: dict[str, str]
) -> None:
    page = new_page(viewport=PHONE)
    page.goto(console + path_of("nextphase-platform", span))
    panels = page.locator("section.panel")
    boxes = [panels.nth(position).bounding_box() for position in range(4)]
    assert all(box and box["width"] > PHONE["width"] * 0.85 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
