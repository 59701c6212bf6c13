"""The documents' pictures of the console, taken from a running instance that `demo` has been busy with.

nextphase pictures [--instance NAME]
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Final

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from compose.cli.layout import Layout
from compose.cli.setup import programs
from tests.console.pages import opened

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs" / "images"
SHOWN: Final = ("home", "gateway dashboard", "trace", "logs", "map", "rio topology")
SIZE: Final = {"width": 1280, "height": 800}
COLOURS: Final = 96
_SECONDS: Final = 30


def take(page: Page, console: str, name: str, trace: str) -> Path:
    """Take the picture of a page, made small by a palette."""
    opened(page, console, name, trace)
    picture = Image.open(io.BytesIO(page.screenshot()))
    path = FOLDER / f"console-{name.replace(' ', '-')}.png"
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def newest_order(layout: Layout) -> str:
    """The id of the newest trace of an order that went through every hop; raises LookupError without one."""
    answer = httpx.get(
        f"http://{layout.address('jaeger')}/api/traces",
        params={"service": "gateway", "operation": "POST /v1/orders", "limit": 20},
        timeout=_SECONDS,
        trust_env=False,
    )
    whole = (trace for trace in answer.json()["data"] if len(trace["processes"]) >= 9)
    for trace in whole:
        return str(trace["traceID"])
    raise LookupError("no order went through yet: run `nextphase demo` first")


def main() -> int:
    """Take them all and print where they are."""
    parser = argparse.ArgumentParser(description="Take the documents' pictures of the console.")
    parser.add_argument("--instance", required=True, help="which running instance")
    layout = Layout.open(ROOT, parser.parse_args().instance)
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programs.find("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.set_default_timeout(_SECONDS * 1e3)
        try:
            trace = newest_order(layout)
        except LookupError as error:
            print(error, file=sys.stderr)
            return 1
        for name in SHOWN:
            path = take(page, f"http://{layout.address('console')}", name, trace)
            print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1024:.0f} KiB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
