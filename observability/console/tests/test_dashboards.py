"""The generated dashboards, as they are on disk."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from observability.configuration.errors import ConfigurationError
from observability.console.dashboards import Dashboards
from observability.console.tests.consoles import ROOT, Console

OVERVIEW: dict[str, Any] = {"uid": "overview", "title": "Overview", "tags": ["a"], "panels": [{"id": 1}]}


@pytest.fixture
def folder(console: Console) -> Iterator[Path]:
    folder = console.folder / "dashboards"
    (folder / "a.json").write_text(json.dumps(OVERVIEW))
    yield folder
    for path in folder.iterdir():
        path.unlink()


def test_dashboards_are_listed_and_given(console: Console, folder: Path) -> None:
    (folder / "b.json").write_text(json.dumps({"uid": "other", "title": "Other"}))
    assert console.get("/api/dashboards").json()["dashboards"] == [
        {"uid": "overview", "title": "Overview", "tags": ["a"]},
        {"uid": "other", "title": "Other", "tags": None},
    ]
    assert console.get("/api/dashboards/overview").json() == OVERVIEW


def test_a_changed_file_is_read_anew(console: Console, folder: Path) -> None:
    assert console.get("/api/dashboards/overview").json()["title"] == "Overview"
    (folder / "a.json").write_text(json.dumps(OVERVIEW | {"title": "Changed"}))
    assert console.get("/api/dashboards/overview").json()["title"] == "Changed"


@pytest.mark.parametrize("uid", ["unknown", "Overview", "a.json", "-", "x" * 65])
def test_what_is_no_dashboard_is_not_found(console: Console, folder: Path, uid: str) -> None:
    assert console.get(f"/api/dashboards/{uid}").status_code == 404


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder"):
        Dashboards(tmp_path / "nowhere")


def test_the_generated_dashboards_can_be_asked_for() -> None:
    dashboards = Dashboards(ROOT / "dashboards/generated")
    for board in dashboards.list():
        assert dashboards.get(board["uid"]) is not None
        assert board["title"]
