"""What a drill broke is healed, whatever ends the drill."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg
import pytest
from amqp.exceptions import AccessRefused

from compose.cli.drills.drill import Drill, Expected, expect
from compose.cli.drills.instance import Instance
from compose.cli.drills.journal import DrillRuns, Journal
from compose.cli.drills.receiver import ALERTS, Receiver
from compose.cli.drills.runner import Runner, heal
from compose.cli.errors import Failure
from compose.cli.layout import Layout

ALERT = {"alertname": "HopDown", "service": "orders", "drill": "true"}


class QuietInstance:
    """An instance whose stores say what a test has them say."""

    def __init__(self) -> None:
        self.held = contextlib.ExitStack()
        self.receiver = Receiver()
        self.firing: list[Mapping[str, str]] = []

    def labels_of_firing(self) -> list[Mapping[str, str]]:
        return self.firing

    def alerts(self) -> list[Mapping[str, Any]]:
        return [{"labels": one, "activeAt": "2026-01-01T00:00:00Z", "state": "firing"} for one in self.firing]

    def notify(self, status: str) -> None:
        self.receiver.take(ALERTS, {"alerts": [{"status": status, "labels": ALERT}]})


class Broken(Drill):
    """A drill whose alert is notified as soon as it breaks, and resolved as soon as it heals."""

    name = "broken"
    breaks = "breaks what a test looks at"
    alerts = (expect("HopDown", service="orders"),)
    seconds = 30.0

    def __init__(self, instance: QuietInstance, error: BaseException | None = None) -> None:
        self.instance, self.error, self.healed = instance, error, 0

    def strike(self, instance: Instance) -> None:
        if self.error:
            raise self.error
        self.instance.firing = [ALERT]
        self.instance.notify("firing")

    def heal(self, instance: Instance) -> None:
        self.healed += 1
        self.instance.firing = []
        threading.Timer(0.2, self.instance.notify, ["resolved"]).start()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Layout.open(tmp_path))


@pytest.fixture
def quiet() -> QuietInstance:
    return QuietInstance()


def runner(quiet: QuietInstance, journal: Journal) -> Runner:
    return Runner(cast(Instance, quiet), journal, lambda text: None)


def test_a_drill_whose_alert_is_notified_and_resolved_passes(quiet: QuietInstance, journal: Journal) -> None:
    journal.open({})
    outcome = runner(quiet, journal).run(drill := Broken(quiet))
    assert outcome.is_passed
    assert drill.healed == 1
    assert journal.drill is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Failure("it could not be broken"), "it could not be broken"),
        (httpx.ReadTimeout("timed out"), "timed out"),
        (psycopg.OperationalError("the connection is lost"), "the connection is lost"),
        (AccessRefused("no access"), "no access"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_is_healed_and_told(
    quiet: QuietInstance, journal: Journal, error: Exception, told: str
) -> None:
    outcome = runner(quiet, journal).run(drill := Broken(quiet, error))
    assert told in str(outcome.failure)
    assert not outcome.is_passed
    assert drill.healed == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), RuntimeError("a bug")])
def test_what_ends_the_command_ends_it_healed(
    quiet: QuietInstance, journal: Journal, error: BaseException
) -> None:
    drill = Broken(quiet, error)
    with pytest.raises(type(error)):
        runner(quiet, journal).run(drill)
    assert drill.healed == 1
    assert journal.drill is None


def test_a_signal_waits_until_it_is_healed(quiet: QuietInstance, journal: Journal) -> None:
    class Interrupted(Broken):
        def heal(self, instance: Instance) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super().heal(instance)

    drill = Interrupted(quiet)
    with pytest.raises(KeyboardInterrupt):
        runner(quiet, journal).run(drill)
    assert drill.healed == 1
    assert journal.drill is None


def test_a_session_that_has_ended_does_not_keep_a_drill_from_healing(
    quiet: QuietInstance, journal: Journal
) -> None:
    def end() -> None:
        raise psycopg.OperationalError("the connection is lost")

    quiet.held.callback(end)
    journal.begin("broken")
    heal(drill := Broken(quiet), cast(Instance, quiet), journal)
    assert drill.healed == 1
    assert journal.drill is None


def test_what_cannot_be_healed_stays_in_the_journal(quiet: QuietInstance, journal: Journal) -> None:
    class Stubborn(Broken):
        def heal(self, instance: Instance) -> None:
            raise OSError("no way")

    journal.begin("broken")
    with pytest.raises(Failure, match="could not be healed: no way"):
        heal(Stubborn(quiet), cast(Instance, quiet), journal)
    assert journal.drill == "broken"


def test_an_alert_that_does_not_come_fails_the_drill(quiet: QuietInstance, journal: Journal) -> None:
    class Silent(Broken):
        seconds = 0.2

        def strike(self, instance: Instance) -> None:
            """Break nothing."""

    outcome = runner(quiet, journal).run(Silent(quiet))
    assert outcome.failure == "HopDown (orders) was not seen in Alertmanager"


def test_two_drills_do_not_run_at_once(journal: Journal, tmp_path: Path) -> None:
    journal.begin("stop-jaeger")
    with journal.locked():
        other = Journal(Layout.open(tmp_path))
        with pytest.raises(DrillRuns, match="drill stop-jaeger runs"), other.locked():
            pass
    with other.locked():
        pass


def test_the_journal_knows_files_and_drill_until_it_is_closed(journal: Journal, tmp_path: Path) -> None:
    assert not journal.is_open
    journal.open({tmp_path / "a": "text"})
    journal.begin("stop-jaeger")
    assert journal.originals == {tmp_path / "a": "text"}
    assert journal.drill == "stop-jaeger"
    journal.forget_files()
    assert (journal.originals, journal.drill) == ({}, "stop-jaeger")
    journal.close()
    assert not journal.is_open


def test_an_expected_alert_has_its_name_and_labels() -> None:
    alert = Expected("HopDown", {"service": "orders"})
    assert alert.matches(ALERT)
    assert not alert.matches({**ALERT, "service": "accounts"})
    assert not alert.matches({**ALERT, "alertname": "HopNotReady"})
    assert str(alert) == "HopDown (orders)"
