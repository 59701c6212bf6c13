"""The front end's own checks: types, unit tests, and the size of what a browser loads."""

import gzip
from pathlib import Path

import pytest

from compose.cli.commands import events
from compose.cli.main import ROOT
from tests.console.conftest import npm

BUNDLE_KILOBYTES = 150

pytestmark = pytest.mark.timeout(900)


def test_types(web: Path) -> None:
    npm(web, "run", "check")


def test_generated_event_types(web: Path, tmp_path: Path) -> None:
    known = events.schemas(ROOT, None)
    for name, text in events.generated(known, "typescript", "").items():
        (tmp_path / name).write_text(text)
    npm(web, "exec", "--", "tsc", "--noEmit", "--strict", str(tmp_path / "events.ts"))


def test_units(web: Path) -> None:
    npm(web, "test")


def test_bundle_is_small(web: Path) -> None:
    npm(web, "run", "build")
    files = [path for path in (web / "dist").iterdir() if path.suffix in (".js", ".css", ".html")]
    assert len(files) >= 3
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    assert size < BUNDLE_KILOBYTES * 1000
