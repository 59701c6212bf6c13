"""What a killed drill left behind is healed by the next command, or stays in the journal."""

from pathlib import Path

import pytest

from compose.cli.commands import up
from compose.cli.drills import recovery
from compose.cli.drills.journal import DrillRuns, Journal
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.main import ROOT


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "compose").symlink_to(ROOT / "compose")
    return Layout.open(tmp_path)


@pytest.fixture
def journal(layout: Layout) -> Journal:
    """That of a version whose drill this version does not have."""
    journal = Journal(layout)
    journal.open({layout.config / "hops.yml": "for: 2m\n"})
    journal.begin("renamed-since")
    return journal


def test_a_drill_that_this_version_has_not_is_named(layout: Layout, journal: Journal) -> None:
    with pytest.raises(Failure, match="this version has no such drill") as raised:
        recovery.recover(layout)
    assert "renamed-since" in raised.value.message
    assert str(journal.file) in str(raised.value.advice)
    assert journal.drill == "renamed-since"


def test_files_are_put_back_though_the_drill_cannot_be_healed(layout: Layout, journal: Journal) -> None:
    with pytest.raises(Failure):
        recovery.recover(layout)
    assert (layout.config / "hops.yml").read_text() == "for: 2m\n"


def test_up_goes_on_where_healing_fails(
    layout: Layout, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    up._try_to_heal(layout)
    assert "renamed-since" in capsys.readouterr().err
    assert journal.drill == "renamed-since"


def test_up_does_not_go_on_while_a_drill_runs(layout: Layout, journal: Journal) -> None:
    with journal.locked(), pytest.raises(DrillRuns):
        up._try_to_heal(layout)
