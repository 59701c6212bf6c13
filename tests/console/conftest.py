"""A real browser before the console of the live instance."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from compose.cli.layout import STATE
from compose.cli.setup import programs
from tests.conftest import ROOT, Stack, eventually

WEB = Path("observability/console/web")
DASHBOARDS = ROOT / "dashboards/generated"
DESKTOP = {"width": 1440, "height": 1000}
PHONE = {"width": 360, "height": 760}
ARTEFACTS = ROOT / STATE / "artefacts" / "console"
_OPTIONS = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_MILLISECONDS = 30_000  # on a machine that does much else
_NPM_SECONDS = 600


@pytest.fixture(scope="package")
def console(stack: Stack) -> str:
    """The console's address, `http://host:port`."""
    return f"http://{stack.layout.address('console')}"


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the front end's sources with all of its npm packages, those for tests included."""
    folder = tmp_path_factory.mktemp("web")
    ignored = shutil.ignore_patterns("node_modules", "dist", "dist-test")
    shutil.copytree(ROOT / WEB, folder, dirs_exist_ok=True, ignore=ignored)
    npm(folder, "ci", "--ignore-scripts")
    return folder


def npm(folder: Path, *arguments: str) -> str:
    """The output of npm; fails if npm does."""
    done = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_NPM_SECONDS,
        check=False,
        env={
            "PATH": programs.SEARCH_PATH,
            "HOME": str(Path.home()),
            "NO_COLOR": "1",
            "DASHBOARDS": str(DASHBOARDS),
        },
    )
    assert done.returncode == 0, f"npm {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(
    scope="module"
)  # playwright's loop runs in this thread: later modules start loops of their own
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=_MILLISECONDS)
    with sync_playwright() as playwright:
        path = programs.find("chromium")
        assert path is not None
        expect.set_options(timeout=_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in contexts of their own. The test fails for errors that one writes to the
    browser's console, and for violations of the content security policy."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_(**options: object) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "dark", **options})  # type: ignore[arg-type]
        context.set_default_timeout(_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.extend(_problem(message)))
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page on a dark desktop."""
    return new_page()


def _problem(message: ConsoleMessage) -> list[str]:
    # A refused or failed answer of a store is the page's to show, and Chromium's to write down.
    is_answer = message.text.startswith("Failed to load resource")
    return [message.text] if message.type == "error" and not is_answer else []


@pytest.fixture(scope="session")
def inaccessible(web: Path) -> Callable[[Page], list[str]]:
    """The violations that axe-core finds in a page by its default rules: WCAG 2.1 A and AA, good practice."""
    source = (web / "node_modules/axe-core/axe.min.js").read_text()

    def look(page: Page) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("() => axe.run()")
        return [
            f"{violation['id']}: {node['html'][:200]} {json.dumps(node['any'][:1])[:300]}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return look


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], Path]:
    """Keeps a picture of a page among the test run's artefacts."""

    def take(page: Page, name: str) -> Path:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTEFACTS / f"{re.sub(r'[^a-z0-9-]+', '-', name.lower())}.png"
        page.screenshot(path=path)
        return path

    return take


@pytest.fixture(scope="package")
def order_trace(stack: Stack) -> str:
    """The id of the trace of an order that went through, once Jaeger and Loki have it to its end."""
    from tests.conftest import nextphase

    done = nextphase("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    trace_id = str(json.loads(done.stdout)["orders"][0]["trace_id"])

    def told() -> None:
        assert "notifications" in {span.service for span in stack.telemetry.trace(trace_id)}
        assert "notifications" in {line.service for line in stack.telemetry.trace_logs(trace_id)}

    eventually(told, 60.0)
    return trace_id
