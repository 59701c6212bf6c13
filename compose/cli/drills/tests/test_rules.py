"""The shortened rules are the checkout's own but for durations and the label."""

import re
from pathlib import Path

import pytest
import yaml

from compose.cli.drills import rules

FOLDER = Path(__file__).resolve().parents[4] / "observability/prometheus/rules"
FILES = sorted(FOLDER.glob("*.yml"))
_DURATION = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=\boffset )\d+[smhd]\b")


def read(text: str) -> list[dict[str, object]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_but_durations_and_the_label_differs(file: Path) -> None:
    before = file.read_text()
    for own, drilled in zip(read(before), read(rules.shortened(before)), strict=True):
        assert _DURATION.sub("", str(own["expr"])) == _DURATION.sub("", str(drilled["expr"]))
        added = {rules.LABEL: rules.VALUE} if "alert" in own and own["alert"] != "Watchdog" else {}
        assert drilled.get("labels", {}) == {**own.get("labels", {}), **added}  # type: ignore[dict-item]
        for name in ("alert", "record", "annotations"):
            assert own.get(name) == drilled.get(name)


def test_durations_are_divided_down_to_what_can_be_seen() -> None:
    text = "expr: rate(a[5m]) > 0 unless a offset 10m and b[1m]\nfor: 2m\nkeep_firing_for: 30s\n"
    assert rules.shortened(text) == (
        "expr: rate(a[30s]) > 0 unless a offset 60s and b[15s]\nfor: 12s\nkeep_firing_for: 5s\n"
    )


def test_durations_in_sentences_stay() -> None:
    text = 'description: "has not been reached for 30 s, within 5 min"\n'
    assert rules.shortened(text) == text


def test_the_rules_of_objectives_are_left_alone() -> None:
    assert rules.LEFT_ALONE.fullmatch("slo.yml")
    assert rules.LEFT_ALONE.fullmatch("slo-events.yml")
    assert not rules.LEFT_ALONE.fullmatch("hops.yml")
