"""Every alert has a drill, or a reason why it has none."""

from pathlib import Path

from compose.cli import names
from compose.cli.drills.registry import DRILLS, UNDRILLED

ROOT = Path(__file__).resolve().parents[4]
PROVEN = {alert for drill in DRILLS.values() for alert in drill.proven}


def test_every_alert_has_a_drill_or_a_reason() -> None:
    assert set(names.alerts(ROOT)) == PROVEN | UNDRILLED.keys()


def test_no_alert_has_both() -> None:
    assert not PROVEN & UNDRILLED.keys()


def test_every_drill_needs_services_that_there_are() -> None:
    hops = set(names.hops(ROOT))
    assert {drill.name: missing for drill in DRILLS.values() if (missing := set(drill.needs) - hops)} == {}
