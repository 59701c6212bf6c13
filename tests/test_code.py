"""The code itself: style, types and the rules of who may import whom."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CHECKS)
def test_code_is_clean(name: str) -> None:
    program, *arguments = CHECKS[name]
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=570)
    assert done.returncode == 0, f"{name} says:\n{done.stdout}{done.stderr}"


def _own(pattern: str) -> Iterator[tuple[Path, str]]:
    """The files of our own code that match, without tests, and their text."""
    listed = subprocess.run(
        ["git", "ls-files", pattern], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        path = Path(name)
        if not {"tests", "test"} & set(path.parts) and (ROOT / path).is_file():
            yield path, (ROOT / path).read_text()


def test_no_client_uses_a_proxy_of_the_environment() -> None:
    for path, text in _own("*.py"):
        assert not re.search(r"\bhttpx\.(get|post|put|patch|delete|head|options|request|stream)\(", text), (
            path
        )
        if re.search(r"\bhttpx\.(Async)?Client\(|\brequests\.Session\(", text):
            assert re.search(r"trust_env\W+False", text), path
        if "urllib.request" in text:
            assert "ProxyHandler({})" in text, path
        assert not re.search(r"trust_env\W+True|\brequests\.(get|post|put|delete|request)\(", text), path
    for path, text in _own("*.java"):
        assert "HttpClient.newHttpClient" not in text, path
        assert text.count("HttpClient.newBuilder") == text.count("HttpClient.Builder.NO_PROXY"), path


@pytest.mark.parametrize(
    "name", ["gateway/pipeline.py", "broker/rio/ingest/pipeline.py", "broker/rio/delivery/pipeline.py"]
)
def test_the_whole_way_of_a_request_and_an_event_can_be_read_at_once(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) < 200
