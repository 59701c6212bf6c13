"""The frame of drills on an instance: shortened rules and a receiver while they run, and everything as it was
afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from compose.cli import alertmanager, files, hints, operate
from compose.cli.alerting import FIRING
from compose.cli.drills import notifying, rules
from compose.cli.drills.instance import Instance
from compose.cli.drills.journal import Journal
from compose.cli.errors import Failure
from compose.cli.progress import Progress
from compose.cli.store_client import TelemetryError

Note = Callable[[str], None]

_RELOADED = ("prometheus", "alertmanager")
_LOADED_SECONDS = 60.0
_STARTING = "platform:starting"
_AFTERMATH = timedelta(minutes=6)
"""The longest range of an alert on what a drill has caused, and a little more."""
_STARTING_SECONDS = 240.0
_POLL_SECONDS = 0.5
_SHOWN = 5


@contextmanager
def drilling(instance: Instance, journal: Journal, progress: Progress) -> Iterator[None]:
    """Gives the instance's Prometheus the shortened rules and its Alertmanager the drill's receiver while the
    block runs. The lock of the journal has to be held.

    Raises Failure where the instance is not well: what a drill raises could not be told from what was there.
    """
    _refuse(instance)
    with instance.receiver.listening():
        try:
            with progress.stage("Rules and receiver of drills") as stage:
                _prepare(instance, journal, stage.note)
            yield
        finally:
            raised = _raised(instance)
            restore(instance, journal)
            _silence(instance, raised)


def _prepare(instance: Instance, journal: Journal, note: Note) -> None:
    starting = "waiting until the instance no longer counts as starting"
    wait_until(lambda: not instance.telemetry.metric(_STARTING), _STARTING_SECONDS, note, starting)
    changed = _changed(instance)
    journal.open({path: path.read_text() for path in changed})
    for path, text in changed.items():
        files.write(path, text)
    reload(instance)
    wait_until(lambda: _has_shortened(instance), _LOADED_SECONDS, note, "loading the shortened rules")
    waiting = "waiting for the Watchdog, to see that alerts get through"
    wait_until(lambda: instance.receiver.has_watchdog, _LOADED_SECONDS, note, waiting)


def restore(instance: Instance, journal: Journal) -> None:
    """Put the files back that drills have changed. A healed journal is closed."""
    for path, text in journal.originals.items():
        files.write(path, text)
    reload(instance)
    if journal.drill is None:
        journal.close()


def _raised(instance: Instance) -> list[str]:
    """The names of the alerts that were raised a short while ago, by the shortened rules."""
    query = f'count by (alertname) (last_over_time(ALERTS{{{rules.LABEL}="{rules.VALUE}"}}[10m]))'
    try:
        return sorted(labels["alertname"] for labels, _ in instance.telemetry.metric(query))
    except TelemetryError:
        return []


def _silence(instance: Instance, names: Sequence[str]) -> None:
    """Silence what the rules, with the ranges that they then have again, still see of the drills."""
    if names:
        with contextlib.suppress(TelemetryError):
            instance.alerting.silence_any(
                names, {rules.LABEL: ""}, _AFTERMATH, operate.user(), "aftermath of a drill"
            )


def reload(instance: Instance) -> None:
    """Have Prometheus and Alertmanager read their files again, where they run."""
    for process in instance.supervisor.list():
        if process.name in _RELOADED and process.pid:
            instance.supervisor.reload_process(process.name)


def wait_until(condition: Callable[[], Any], seconds: float, note: Note, waiting: str) -> None:
    """Wait until a condition holds; while a store does not answer, it does not. Raises Failure."""
    note(waiting)
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        if time.monotonic() > deadline:
            raise Failure(f"{waiting}: not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def _holds(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except TelemetryError:
        return False


def _refuse(instance: Instance) -> None:
    stores = instance.telemetry.stores
    if stores.is_agent or not (stores.prometheus.is_ours and stores.alertmanager.is_ours):
        raise Failure(
            "drills need the instance's own Prometheus and Alertmanager: rules and receivers are changed",
            advice="compose/platform.yaml names existing ones (telemetry)",
        )
    found = instance.supervisor.list()
    wrong = [process.name for process in found if not process.is_right]
    if wrong or not found:
        is_down = f"instance {instance.layout.instance} does not run"
        raise Failure(f"not ready: {', '.join(wrong)}" if found else is_down, advice=f"Run {hints.set_up()}")
    alerts = instance.alerting.alerts()
    if alerts.unknown:
        raise Failure(alerts.unknown[0])
    if firing := alerts.of(FIRING):
        names = sorted({_described(alert.labels) for alert in firing})
        more = ["..."] if len(names) > _SHOWN else []
        raise Failure(
            f"alerts are firing already: {', '.join([*names[:_SHOWN], *more])}",
            advice=f"See {hints.command('alerts')}; a drill starts when nothing fires",
        )


def _described(labels: Mapping[str, str]) -> str:
    about = labels.get("service")
    return f"{labels['alertname']} ({about})" if about else labels["alertname"]


def _changed(instance: Instance) -> dict[Path, str]:
    """The files that drills change, with what they then hold."""
    config = instance.layout.config
    shortened = {
        path: rules.shortened(path.read_text())
        for path in sorted((config / "prometheus/rules").glob("*.yml"))
        if not rules.LEFT_ALONE.fullmatch(path.name)
    }
    notified = config / alertmanager.FILE
    return shortened | {notified: notifying.with_receiver(notified.read_text(), instance.receiver.url)}


def _has_shortened(instance: Instance) -> bool:
    """Whether Prometheus evaluates the shortened rules."""
    stores = instance.telemetry.stores
    answer = instance.telemetry.client.get(stores.prometheus, "/api/v1/rules", {"type": "alert"})
    found = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
    return any(rule["labels"].get(rules.LABEL) == rules.VALUE for rule in found)
