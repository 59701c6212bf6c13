"""The console in a real browser, beside what its stores take themselves. Needs a running instance.

    nextphase bench console [--instance NAME] [--quick] [--json]

First paint is compared with that of the smallest page of the same server; a dashboard, from its first
question until every panel is drawn, with the stores answering the same questions to a plain client that asks
as many at once as a browser does; a large trace, until its first rows are drawn, with Jaeger's own answer.
"""

from __future__ import annotations

import gzip
import secrets
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from compose.cli.layout import Layout
from compose.cli.setup import programs
from tests.bench.report import Figure, Report, options
from tests.bench.rounds import Series, alternate

ROOT: Final = Path(__file__).parents[2]
ROUNDS, QUICK_ROUNDS = 15, 2
DASHBOARD: Final = "nextphase-rio"
"""The one with most panels."""

AT_ONCE: Final = 6
"""Connections that a browser opens to one host."""

SPANS: Final = 20_000
"""Of the large trace."""

SPANS_AT_ONCE: Final = 1_000

TALL: Final = {"width": 1440, "height": 8000}
"""So that every panel of the dashboard is in sight."""

_SECONDS: Final = 60
_QUESTIONS: Final = """performance.getEntriesByType("resource")
  .filter(({name}) => /\\/api\\/(prometheus|loki)\\//.test(name))"""
_ASKED: Final = f"""() => {_QUESTIONS}
  .map(({{name, startTime, responseEnd}}) => ({{url: name, start: startTime, end: responseEnd}}))"""
# A panel that has not come into sight has asked nothing yet and is not busy either.
_DRAWN: Final = f"""() => {{
  const panels = [...document.querySelectorAll("section[data-panel]")];
  return panels.length > 0 && {_QUESTIONS}.length >= panels.length
    && panels.every((panel) => panel.getAttribute("aria-busy") === "false") && performance.now();
}}"""
_FIRST_ROWS: Final = f"""() =>
  document.querySelector("[role=treegrid][aria-rowcount='{SPANS + 1}'] [data-row]") && performance.now()"""
_PAINTED: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Drawing:
    """How a dashboard was drawn; times are milliseconds.

    urls: what was asked of stores. whole: from the first question until all was drawn. after: from the last
    answer until all was drawn. panels: how many there are.
    """

    urls: list[str]
    whole: float
    after: float
    panels: int


class Bench:
    """A browser before the console of an instance."""

    def __init__(self, layout: Layout, browser: Browser) -> None:
        self._layout = layout
        self._browser = browser
        self.url = f"http://{layout.address('console')}"
        self.drawings: list[Drawing] = []

    def first_paint(self, path: str) -> float:
        """Milliseconds from the navigation to the first content, in a browser that has nothing yet."""
        with self._page() as page:
            page.goto(self.url + path)
            return float(page.wait_for_function(_PAINTED).json_value())

    def draw(self) -> float:
        """Milliseconds from a dashboard's first question until all its panels are drawn."""
        with self._page(viewport=TALL) as page:
            page.goto(f"{self.url}/d/{DASHBOARD}?from=now-30m&to=now&refresh=off")
            drawn = float(page.wait_for_function(_DRAWN, polling="raf").json_value())
            asked: list[dict[str, Any]] = page.evaluate(_ASKED)
            panels = page.locator("section[data-panel]").count()
        first, last = min(each["start"] for each in asked), max(each["end"] for each in asked)
        drawing = Drawing([each["url"] for each in asked], drawn - first, max(0.0, drawn - last), panels)
        self.drawings.append(drawing)
        return drawing.whole

    def ask_stores(self) -> float:
        """Milliseconds that the stores take for the questions of the last drawing."""
        if not self.drawings:
            self.draw()
        urls = [self._direct(url) for url in self.drawings[-1].urls]
        limits = httpx.Limits(max_connections=AT_ONCE)
        with (
            httpx.Client(limits=limits, timeout=_SECONDS, trust_env=False) as client,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            started = time.perf_counter()
            for answer in pool.map(client.get, urls):
                answer.raise_for_status()
            return (time.perf_counter() - started) * 1e3

    def store_trace(self) -> str:
        """Give Jaeger a trace of `SPANS` spans, a hundred below each hundredth; its id."""
        trace_id, now = secrets.token_hex(16), time.time_ns()
        spans = [_span(trace_id, number, now) for number in range(1, SPANS + 1)]
        service = {"attributes": [{"key": "service.name", "value": {"stringValue": "bench"}}]}
        url = f"http://{self._layout.address('jaeger-otlp')}/v1/traces"
        for first in range(0, SPANS, SPANS_AT_ONCE):
            some = {"spans": spans[first : first + SPANS_AT_ONCE]}
            document = {"resourceSpans": [{"resource": service, "scopeSpans": [some]}]}
            httpx.post(url, json=document, timeout=_SECONDS, trust_env=False).raise_for_status()
        return trace_id

    def draw_trace(self, trace_id: str) -> float:
        """Milliseconds from the navigation until the first rows of the large trace are drawn."""
        with self._page() as page:
            page.goto(f"{self.url}/trace/{trace_id}")
            return float(page.wait_for_function(_FIRST_ROWS, polling="raf").json_value())

    def ask_jaeger(self, trace_id: str) -> float:
        """Milliseconds that Jaeger takes to answer with a trace."""
        url = f"http://{self._layout.address('jaeger')}/api/traces/{trace_id}"
        started = time.perf_counter()
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
        took = (time.perf_counter() - started) * 1e3
        assert len(answer.json()["data"][0]["spans"]) == SPANS
        return took

    def bundle_kilobytes(self) -> float:
        """The size of the files that a browser loads for the pages, compressed."""
        files = ("/", "/assets/main.js", "/assets/main.css")
        found = (httpx.get(self.url + file, trust_env=False).content for file in files)
        return sum(len(gzip.compress(content, 9)) for content in found) / 1e3

    def _direct(self, url: str) -> str:
        """The store's own address of a question to the console."""
        parts = urlsplit(url)
        store, _, path = parts.path.removeprefix("/api/").partition("/")
        prefix = {"prometheus": "/api/v1", "loki": "/loki/api/v1"}[store]
        return f"http://{self._layout.address(store)}{prefix}/{path}?{parts.query}"

    @contextmanager
    def _page(self, **given: Any) -> Iterator[Page]:
        context = self._browser.new_context(bypass_csp=True, **given)  # which forbids to look in by a script
        context.set_default_timeout(_SECONDS * 1e3)
        try:
            yield context.new_page()
        finally:
            context.close()


def _span(trace_id: str, number: int, now: int) -> dict[str, Any]:
    """A span as OTLP's JSON has it."""
    parent = (number - 1) // 100 * 100
    return {
        "traceId": trace_id,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent or 1:016x}" if number > 1 else "",
        "name": f"span {number}",
        "kind": 1,
        "startTimeUnixNano": str(now + number * 1_000),
        "endTimeUnixNano": str(now + SPANS * 1_000),
    }


def figures(found: Bench, rounds: int, progress: Any) -> list[Figure]:
    """Measure everything."""
    paints = {
        "console": lambda: found.first_paint("/"),
        "smallest page": lambda: found.first_paint("/health/live"),
    }
    painted = alternate(paints, rounds, progress, "first paint")
    drawn = alternate(
        {"console": found.draw, "stores alone": found.ask_stores}, rounds, progress, "dashboard"
    )
    large = found.store_trace()
    traced = alternate(
        {"console": lambda: found.draw_trace(large), "jaeger alone": lambda: found.ask_jaeger(large)},
        rounds,
        progress,
        "large trace",
    )
    drawings = found.drawings
    panels = drawings[-1].panels
    return [
        Figure("first paint", "ms", painted),
        Figure(f"{panels} panels, from the first question until drawn", "ms", drawn),
        Figure(
            f"{panels} panels, from the last answer until drawn",
            "ms",
            {"console": Series([each.after for each in drawings])},
        ),
        Figure(f"{SPANS:,} spans, until the first rows are drawn", "ms", traced),
        Figure(
            "questions asked twice",
            "",
            {"console": Series([float(_repeated(each.urls)) for each in drawings])},
        ),
        Figure("what a browser loads, compressed", "kB", {"console": Series([found.bundle_kilobytes()])}),
    ]


def _repeated(urls: list[str]) -> int:
    return len(urls) - len(set(urls))


def main() -> int:
    """Measure, print, exit."""
    args = options("The console in a browser, beside its stores.", of_instance=True)
    layout = Layout.open(ROOT, args.instance)
    with sync_playwright() as playwright, Report.progress() as progress:
        browser = playwright.chromium.launch(executable_path=programs.find("chromium"), args=["--no-sandbox"])
        found = Bench(layout, browser)
        report = Report("console", figures(found, QUICK_ROUNDS if args.quick else ROUNDS, progress))
        browser.close()
    report.show(as_json=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
