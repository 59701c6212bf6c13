from pathlib import Path

import yaml

from observability.console.runbook import Section, sections
from observability.console.settings import RUNBOOK

RULES = Path(__file__).parents[3] / "observability/prometheus/rules"


def test_a_section_ends_at_the_next_heading() -> None:
    text = "Before.\n# Operate\n\n## Alerts\n\nThe rules.\n\n### HopDown\n\nA hop is down.\nDo this.\n"
    assert list(sections(text)) == [
        Section("Operate", ""),
        Section("Alerts", "The rules."),
        Section("HopDown", "A hop is down.\nDo this."),
    ]


def test_a_comment_in_code_is_no_heading() -> None:
    text = "## Run\n\n```\n# as root\n./nextphase up\n```\n"
    assert [section.title for section in sections(text)] == ["Run"]


def test_anchors_are_those_of_links() -> None:
    assert Section("Events that Rio refused", "").anchor == "events-that-rio-refused"
    assert Section("What `up` does, first", "").anchor == "what-up-does-first"


def test_every_alert_names_a_section() -> None:
    anchors = {section.anchor for section in sections(RUNBOOK.read_text()) if section.text}
    groups = [group for file in RULES.glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
    named = [rule["annotations"]["runbook"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert named
    assert [name for name in named if name.removeprefix("docs/operate.md#") not in anchors] == []
