import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from observability.console.tests import consoles
from observability.console.tests.consoles import Console

LINE = {"started": "2026-01-31T14:00:00.000+00:00", "command": "up", "changes": ["orders replaced"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("deployments")
    with consoles.console(folder, deployments_file=str(folder / "deployments.jsonl")) as started:
        yield started


@pytest.fixture
def file(running: Console) -> Iterator[Path]:
    path = running.folder / "deployments.jsonl"
    yield path
    path.unlink(missing_ok=True)


def test_what_was_written_down_is_told(running: Console, file: Path) -> None:
    file.write_text(f"{json.dumps(LINE)}\n{json.dumps(LINE | {'command': 'restart orders'})}\n")
    found = running.get("/api/platform/deployments").json()["deployments"]
    assert found == [LINE, LINE | {"command": "restart orders"}]


def test_nothing_written_down_is_not_an_error(running: Console, file: Path) -> None:
    assert not file.exists()
    assert running.get("/api/platform/deployments").json() == {"deployments": None}


def test_a_file_that_is_torn_is_refused(running: Console, file: Path) -> None:
    file.write_text('{"started": ')
    answer = running.get("/api/platform/deployments")
    assert answer.status_code == 503
    assert "cannot be read" in answer.json()["detail"]


def test_a_section_of_the_runbook(running: Console) -> None:
    found = running.get("/api/runbook/hopdown").json()
    assert found["title"] == "HopDown"
    assert "What to do:" in found["text"]


def test_a_section_that_there_is_not(running: Console) -> None:
    assert running.get("/api/runbook/nothing").status_code == 404
    assert running.get("/api/runbook/..%2Fsecrets").status_code == 404
