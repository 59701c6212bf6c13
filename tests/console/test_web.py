"""The front end's own checks: types, unit tests, and the size of what a browser loads."""

import gzip
from pathlib import Path

import pytest

from tests.console.conftest import npm

BUNDLE_KILOBYTES = 150

pytestmark = pytest.mark.timeout(900)


def test_types(web: Path) -> None:
    npm(web, "run", "check")


def test_units(web: Path) -> None:
    npm(web, "test")


def test_bundle_is_small(web: Path) -> None:
    npm(web, "run", "build")
    files = [path for path in (web / "dist").iterdir() if path.suffix in (".js", ".css", ".html")]
    assert len(files) >= 3
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    assert size < BUNDLE_KILOBYTES * 1000
