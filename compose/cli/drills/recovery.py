"""Healing what a drill left behind that was killed."""

from __future__ import annotations

from compose.cli import hints
from compose.cli.drills import registry, session
from compose.cli.drills.drill import Drill
from compose.cli.drills.instance import Instance
from compose.cli.drills.journal import Journal
from compose.cli.drills.runner import heal
from compose.cli.errors import Failure
from compose.cli.layout import Layout


def recover(layout: Layout) -> list[str]:
    """Heal what a killed drill left behind in an instance that runs; returns what was done, a line each.

    Raises DrillRuns where a drill still runs, and Failure where something cannot be healed.
    """
    journal = Journal(layout)
    if not journal.is_open:
        return []
    with journal.locked():
        return recover_locked(Instance(layout), journal)


def recover_locked(instance: Instance, journal: Journal) -> list[str]:
    """The same for the one who holds the lock of the journal."""
    if not journal.is_open:
        return []
    done = []
    try:
        if name := journal.drill:
            heal(_known(name, journal), instance, journal)
            done.append(f"drill {name} had been killed: what it broke is healed")
    finally:
        session.restore(instance, journal)
    return [*done, "the rules and receivers of drills are taken away"]


def _known(name: str, journal: Journal) -> Drill:
    """The drill of this name; raises Failure where the code has none, as after an upgrade or a renaming."""
    try:
        return registry.DRILLS[name]
    except KeyError:
        raise Failure(
            f"drill {name} had been killed, and this version has no such drill: what it broke is not healed",
            advice=f"Run {hints.set_up()} of the version that has it, or heal it and remove {journal.file}",
        ) from None
