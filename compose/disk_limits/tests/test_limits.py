"""A turn measures every store, removes what is too much, and shows both."""

import base64
import json
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from compose.disk_limits.__main__ import Limits
from compose.disk_limits.settings import Settings

MEBIBYTE = 1024**2


def settings(folder: Path, **limits: int) -> Settings:
    """Stores in folders of their names, with limits in bytes."""
    stores = [
        {
            "name": name,
            "service": "disk-limits",
            "folder": str(folder / name),
            "limit_bytes": limit,
            "without": None,
        }
        for name, limit in limits.items()
    ]
    content = {
        "host": "127.0.0.1",
        "port": 1,
        "loki_overrides": str(folder / "overrides"),
        "nginx_removals": str(folder / "removed"),
        "stores": stores,
    }
    (folder / "disk-limits.json").write_text(json.dumps(content))
    return Settings.load(folder / "disk-limits.json")


def test_what_is_taken_removed_and_allowed_is_shown(tmp_path: Path) -> None:
    for name in ("databases", "nginx_files", "process_files"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "edge-spans.json.1").write_bytes(os.urandom(2 * MEBIBYTE))
    registry = CollectorRegistry()
    chosen = settings(tmp_path, databases=MEBIBYTE, nginx_files=MEBIBYTE, process_files=5 * MEBIBYTE)
    limits = Limits(chosen, registry)

    def shown(name: str, store: str) -> float | None:
        return registry.get_sample_value(name, {"service": "disk-limits", "store": store})

    assert shown("disk_removed_bytes_total", "nginx_files") == 0
    limits.turn()
    assert shown("disk_store_limit_bytes", "databases") == MEBIBYTE
    # Nothing of a database is deleted; of files within their limit neither.
    assert shown("disk_store_size_bytes", "databases") == 2 * MEBIBYTE
    assert shown("disk_removed_bytes_total", "databases") is None
    assert shown("disk_removed_bytes_total", "process_files") == 0
    assert shown("disk_removed_bytes_total", "nginx_files") == 2 * MEBIBYTE
    limits.turn()
    assert shown("disk_store_size_bytes", "nginx_files") == 0
    assert shown("disk_store_size_bytes", "databases") == 2 * MEBIBYTE


def test_a_store_that_does_not_run_here_is_left_out(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Limits(settings(tmp_path, nginx_files=1, process_files=1), registry).turn()
    labels = {"service": "loki", "store": "logs"}
    assert registry.get_sample_value("disk_store_size_bytes", labels) is None


def test_a_store_that_cannot_be_bounded_keeps_no_other_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = tmp_path / "logs/chunks/fake"
    chunks.mkdir(parents=True)
    for second in (1000, 2000, 3000):
        name = base64.b64encode(f"0:{second:x}:0".encode()).decode()
        (chunks / name).write_bytes(os.urandom(2 * MEBIBYTE))
    (tmp_path / "overrides.new").mkdir()  # no file: Loki cannot be told
    (tmp_path / "process_files").mkdir()
    (tmp_path / "process_files/orders.log.1").write_bytes(os.urandom(2 * MEBIBYTE))
    chosen = settings(tmp_path, logs=5 * MEBIBYTE, process_files=MEBIBYTE, nginx_files=MEBIBYTE)
    Limits(chosen, CollectorRegistry()).turn()
    assert list((tmp_path / "process_files").iterdir()) == []
    assert capsys.readouterr().err.startswith("logs could not be bounded: ")
