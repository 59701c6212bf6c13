"""`nextphase drill` on the live instance: a fault raises its alert, which is notified, and so is its end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from compose.cli.drills.journal import Journal
from compose.cli.drills.registry import DRILLS
from compose.cli.drills.rules import shortened
from tests.conftest import INSTANCE, ROOT, Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.fault, pytest.mark.timeout(1200)]

#: Quick ones, each of another family.
QUICK = ("stop-console", "rabbitmq-alarm")
QUIET_SECONDS = 300.0
#: The whole of a drill at its slowest, on a busy machine.
DRILL_SECONDS = 1000.0


@pytest.fixture
def silenced(stack: Stack) -> Iterator[None]:
    """Silences what other tests have raised: a drill starts while an alert fires only if that is known."""
    ids = []
    for name in {alert["name"] for alert in alerts() if alert["standing"] == "firing"}:
        done = nextphase("alerts", "silence", name, "--for", "2h", "--comment", "tests of drills", "--json")
        ids.append(json.loads(done.stdout)["id"])
    yield
    for each in ids:
        nextphase("alerts", "silence", "--end", each)


def alerts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(nextphase("alerts", "--json").stdout)["alerts"]
    return found


def drill(*arguments: str) -> dict[str, Any]:
    done = nextphase("drill", *arguments, "--yes", "--json", timeout_seconds=DRILL_SECONDS)
    document: dict[str, Any] = json.loads(done.stdout)
    failures = [each["failure"] for each in document["drills"] if not each["passed"]]
    assert (done.returncode, failures) == (0, []), done.stderr
    return document


def assert_as_before(stack: Stack) -> None:
    """No rule, receiver or process of a drill is left."""
    config = stack.layout.config
    rules = (config / "prometheus/rules").glob("*.yml")
    assert not [file.name for file in rules if 'drill: "true"' in file.read_text()]
    assert "drill" not in (config / "alertmanager/alertmanager.yml").read_text()
    assert not Journal(stack.layout).is_open
    assert all(process.is_right for process in stack.supervisor.list())


def test_a_fault_is_notified_and_its_end_too(stack: Stack, silenced: None) -> None:
    document = drill(*QUICK)
    assert [each["drill"] for each in document["drills"]] == list(QUICK)
    for each in document["drills"]:
        for times in each["alerts"]:
            assert times["firing_seconds"] >= times["pending_seconds"]
            assert None not in (times["notified_seconds"], times["resolved_seconds"])
    assert_as_before(stack)


def test_a_drill_that_is_ended_heals(stack: Stack, silenced: None) -> None:
    command = [sys.executable, str(ROOT / "nextphase"), "drill", "stop-console", "--yes"]
    running = subprocess.Popen([*command, "--instance", INSTANCE], cwd=ROOT, stderr=subprocess.DEVNULL)

    def is_broken() -> None:
        process = stack.supervisor.get("console")
        assert process is not None
        assert not process.is_right

    try:
        eventually(is_broken, QUIET_SECONDS)
        refused = nextphase("drill", "stop-console", "--yes")
        assert (refused.returncode, "drill stop-console runs" in refused.stderr) == (1, True), refused.stderr
    finally:
        running.send_signal(signal.SIGTERM)
        code = running.wait(QUIET_SECONDS)
    assert code == 128 + signal.SIGTERM
    assert_as_before(stack)


@pytest.mark.parametrize("command", [("up",), ("restart", "prometheus")], ids=" ".join)
def test_what_a_killed_drill_left_is_healed(stack: Stack, silenced: None, command: tuple[str, ...]) -> None:
    journal = Journal(stack.layout)
    rules = stack.layout.config / "prometheus/rules/hops.yml"
    before = rules.read_text()
    journal.open({rules: before})
    journal.begin("stop-console")
    rules.write_text(shortened(before))
    stack.supervisor.stop_process("console")
    done = nextphase(*command)
    assert (done.returncode, "drill stop-console had been killed" in done.stdout) == (0, True), done.stderr
    assert_as_before(stack)


def test_nothing_is_broken_unasked(stack: Stack) -> None:
    assert nextphase("drill", "stop-console").returncode == 2
    assert nextphase("drill", "stop-consle", "--yes").returncode == 2
    assert nextphase("drill").returncode == 2
    assert_as_before(stack)


@pytest.mark.long
@pytest.mark.parametrize("name", DRILLS)
def test_every_drill(stack: Stack, silenced: None, name: str) -> None:
    drill(name)
    assert_as_before(stack)
