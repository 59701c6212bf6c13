"""Loki is bounded by the size of its folder: the oldest lines go, and queries answer all the same."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from compose.cli.toolbox import Toolbox
from compose.disk_limits import folder
from compose.disk_limits.loki_chunks import LokiChunks
from compose.disk_limits.settings import Store
from tests.config.programs import Program, environment, loki_command
from tests.conftest import eventually

pytestmark = pytest.mark.config

MEBIBYTE = 1024**2
SECONDS = 60 * 60
LINES = 64


@pytest.fixture
def overrides(tmp_path: Path) -> Path:
    file = tmp_path / "overrides.yaml"
    file.write_text("overrides: {}\n")
    return file


@pytest.fixture
def loki(toolbox: Toolbox, tmp_path: Path, overrides: Path) -> Iterator[str]:
    """The base URL of a Loki."""
    variables = environment(tmp_path) | {"LOKI_OVERRIDES": str(overrides)}
    url = f"http://127.0.0.1:{variables['LOKI_HTTP_PORT']}"
    program = Program(loki_command(toolbox), variables, f"{url}/ready", tmp_path / "loki.log")
    program.start()
    yield url
    program.stop()


def push(loki: str, name: str, age: int) -> None:
    """Lines of some two MiB that no compression makes smaller, `age` seconds old, written to the store."""
    at = time.time_ns() - age * 10**9
    values = [[str(at + number), os.urandom(MEBIBYTE // LINES).hex()] for number in range(LINES)]
    document = {"streams": [{"stream": {"service_name": name}, "values": values}]}
    httpx.post(f"{loki}/loki/api/v1/push", json=document, timeout=60, trust_env=False).raise_for_status()
    httpx.post(f"{loki}/flush", timeout=60, trust_env=False).raise_for_status()


def names(loki: str) -> set[str]:
    """The services that have a line within the last day."""
    parameters: dict[str, Any] = {"query": '{service_name=~".+"}', "limit": 5000, "since": "24h"}
    answer = httpx.get(f"{loki}/loki/api/v1/query_range", params=parameters, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return {stream["stream"]["service_name"] for stream in answer.json()["data"]["result"]}


def test_the_oldest_lines_go_and_queries_go_on(loki: str, overrides: Path, tmp_path: Path) -> None:
    chunks = tmp_path / "loki/chunks/fake"
    for name, age in (("first", 5 * SECONDS), ("second", 3 * SECONDS), ("third", 1 * SECONDS)):
        before = folder.size(chunks)
        push(loki, name, age)
        eventually(lambda had=before: _has_grown(chunks, had), within_seconds=120)
    assert names(loki) == {"first", "second", "third"}
    size = folder.size(chunks)
    bound = LokiChunks(Store("logs", "loki", tmp_path / "loki", limit=size - 1), overrides)

    assert bound.bound(size) == 0
    eventually(lambda: _has(loki, {"second", "third"}), within_seconds=120)
    removed = bound.bound(size)
    assert removed > MEBIBYTE
    assert names(loki) == {"second", "third"}
    # A new process goes on where the one before was, and keeps what is within the limit.
    store = Store("logs", "loki", tmp_path / "loki", limit=size)
    assert LokiChunks(store, overrides).bound(size - removed) == 0
    eventually(lambda: _has(loki, {"second", "third"}), within_seconds=120)


def _has_grown(chunks: Path, before: int) -> None:
    assert folder.size(chunks) >= before + MEBIBYTE


def _has(loki: str, expected: set[str]) -> None:
    assert names(loki) == expected
