"""`nextphase flows` with the real Rio."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from broker.tests.servers import Rio, wait_until
from compose.cli.commands import flows as command
from compose.cli.errors import UsageError
from compose.cli.layout import PORTS, Layout
from compose.cli.links import Links
from compose.cli.main import parse
from compose.cli.secrets import OPERATOR, Secrets
from compose.cli.tests import checkout

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def layout(rio: Rio, tmp_path: Path) -> Layout:
    """An instance whose Rio is the one of the tests."""
    found = Layout(checkout.make(tmp_path), "default", rio.api_port - PORTS["rio-api"])
    token = Path(Secrets(found.secrets).sender(OPERATOR))
    token.parent.mkdir(parents=True)
    token.write_text("t-tests\n")
    return found


@pytest.fixture
def nextphase(layout: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on a terminal of 80 columns; gives its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> tuple[int, str]:
        code = command.run(layout, parse(["flows", *words]))
        return code, capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def begun(rio: Rio) -> Iterator[tuple[str, str]]:
    """The subjects of two flows: the first is overdue, the second is not."""
    overdue, open_ = str(uuid4()), str(uuid4())
    steps = [
        {"types": ["flowing.first"], "within_seconds": 0.1},
        {"types": ["flowing.last", "flowing.ended"], "within_seconds": 3000},
    ]
    rule = {"name": "flowing", "begins": "flowing.begun", "steps": steps, "broken_after_seconds": 4000}
    with rio.catalog(flows=[rule], emitters={"stall": ["flowing.begun", "flowing.first"]}):
        for subject in (overdue, open_):
            assert rio.emit("flowing.begun", str(uuid4()), subject=subject).status_code == 202
        assert rio.emit("flowing.first", str(uuid4()), subject=open_).status_code == 202

        def is_noted() -> bool:
            found = rio.client.get("/flows").json()["items"]
            states = {one["subject"]: (one["state"], one["waits_for"][0]) for one in found}
            return (states.get(overdue), states.get(open_)) == (
                ("overdue", "flowing.first"),
                ("open", "flowing.last"),
            )

        wait_until(is_noted, what="the flows")
        yield overdue, open_


def test_what_is_open_and_stuck_is_listed(nextphase: Run, begun: tuple[str, str], layout: Layout) -> None:
    code, text = nextphase("--json")
    assert code == 1
    found = {one["subject"]: one for one in json.loads(text)["items"]}
    overdue, open_ = (found[subject] for subject in begun)
    assert (overdue["state"], overdue["waits_for"]) == ("overdue", ["flowing.first"])
    assert (open_["state"], open_["waits_for"]) == ("open", ["flowing.last", "flowing.ended"])
    assert overdue["trace_url"] == Links.of(layout).trace(overdue["trace_id"])
    assert [one["state"] for one in json.loads(text)["items"]] == ["overdue", "open"]


def test_people_can_read_it(nextphase: Run, begun: tuple[str, str]) -> None:
    overdue, open_ = begun
    code, text = nextphase()
    assert code == 1
    assert text.startswith("1 overdue, 1 open\n")
    assert f"overdue  flowing  {overdue}" in text
    assert "flowing.last or flowing.ended," in text
    assert "./nextphase trace ID" in text
    assert max(map(len, text.splitlines())) <= 80
    assert open_ not in nextphase("--stuck")[1]
    assert "there are more" in nextphase("--limit", "1")[1]


def test_nothing_stuck_is_told_by_the_exit_code(nextphase: Run, rio: Rio) -> None:
    with rio.catalog(flows=[]):
        assert nextphase() == (0, "none\n")


def test_a_flow_that_no_rule_has_is_refused(nextphase: Run) -> None:
    with pytest.raises(UsageError):
        nextphase("--flow", "ordr")
