from pathlib import Path

import pytest
import yaml

from compose.cli.runbook import first_steps

ROOT = Path(__file__).parents[3]
RULES = [
    rule
    for file in sorted((ROOT / "observability/prometheus/rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule and rule["alert"] != "Watchdog"
]

RUNBOOK = """\
# Runbook

## Disk is full!

Only 5 % is left. What to do: `du -h \\| sort`,
then [free some](#free), or a bigger disk.

```
# What to do: no heading
```

## Nothing

There is nothing to do.

## Last
What to do: go home"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    (root / "docs/operate.md").write_text(RUNBOOK)
    (tmp_path / "secret.md").write_text("# Secret\nWhat to do: nothing")
    return root


def test_the_steps_are_one_plain_text(root: Path) -> None:
    steps = first_steps(root, "docs/operate.md#disk-is-full")
    assert steps == "`du -h | sort`, then free some, or a bigger disk."
    assert first_steps(root, "docs/operate.md#last") == "go home"


@pytest.mark.parametrize(
    "address",
    [
        "docs/operate.md#nothing",
        "docs/operate.md#nowhere",
        "docs/operate.md",
        "docs/missing.md#last",
        "docs#last",
        "../secret.md#secret",
        "/etc/passwd#root",
        "https://example.com/runbook#last",
        "",
        "\0#last",
    ],
)
def test_where_there_are_none_there_is_nothing(root: Path, address: str) -> None:
    assert first_steps(root, address) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_steps_that_stand_alone(rule: dict[str, dict[str, str]]) -> None:
    steps = first_steps(ROOT, rule["annotations"]["runbook"])
    assert steps
    assert "the same" not in steps
    assert "above" not in steps
