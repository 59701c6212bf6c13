"""What of a running instance is no longer as configured, and how it gets there.

A process is as configured when its definition, the files that it reads and the code that it runs are those it
was started with; that is remembered as fingerprints in `run/applied.json`.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from compose.cli import hops
from compose.cli.errors import Failure
from compose.cli.files import write
from compose.cli.layout import Layout
from compose.cli.process import STARTED
from compose.cli.secrets import Secrets
from compose.cli.supervisor import FAILED, LOST, STOPPED, WAITING, Supervisor

RELOADED = {
    "edge-nginx": ["-t", "-q"],
    "services-nginx": ["-t", "-q"],
    "prometheus": None,
    "alertmanager": None,
}
"""Processes that read their files again on SIGHUP, and what makes their program check them first."""

_READY_SECONDS = 120.0
_CHECK_SECONDS = 30
_WORD = re.compile(r"[\s=,;|\"'()]+")
_CODE = re.compile(r"(?<![\w./])(gateway|broker|services[./]\w+)\b")
_SHARED_BY_ALL = ("observability",)
_SHARED_BY_SERVICES = ("services/chassis", "services/gunicorn.conf.py", "broker/client")
_NOT_CODE = ("tests", "__pycache__", "target", "src")


@dataclass(frozen=True)
class Fingerprint:
    """What a process was started with: a digest of its definition, and one of what it reads."""

    definition: str
    files: str


@dataclass(frozen=True)
class Definitions:
    """The processes file of an instance."""

    layout: Layout
    processes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, layout: Layout) -> Definitions:
        """The processes as `layout.processes_file` has them now."""
        return cls(layout, yaml.safe_load(layout.processes_file.read_text())["processes"])

    def in_order(self) -> list[str]:
        """Names of the processes, each after those it depends on."""
        order: dict[str, None] = {}

        def add(name: str) -> None:
            for needed in self.processes[name].get("depends_on") or {}:
                if needed not in order:
                    add(needed)
            order[name] = None

        for name in self.processes:
            add(name)
        return list(order)

    def awaited(self, name: str) -> set[str]:
        """Processes that have to be ready, or done, before `name` is started."""
        needed: Mapping[str, Mapping[str, str]] = self.processes[name].get("depends_on") or {}
        return {other for other, how in needed.items() if how["condition"] != STARTED}

    def awaited_by_any(self) -> set[str]:
        """Processes that another one waits for."""
        return set().union(*map(self.awaited, self.processes))

    def fingerprints(self) -> dict[str, Fingerprint]:
        """The fingerprint of every process."""
        named = {name: self._named_files(definition) for name, definition in self.processes.items()}
        return {
            name: Fingerprint(
                _digest(json.dumps(definition, sort_keys=True).encode()),
                self._content(self._read_by(name, named) | self._code_of(definition)),
            )
            for name, definition in self.processes.items()
        }

    def _named_files(self, definition: Any) -> set[Path]:
        """Files of the checkout or the instance that a definition names, and those that they name in turn."""
        found: set[Path] = set()
        texts = list(_strings(definition))
        while texts:
            for path in self._paths(texts.pop()):
                if path not in found:
                    found.add(path)
                    if path.is_relative_to(self.layout.config):
                        texts.append(path.read_text(errors="replace"))
        return found

    def _paths(self, text: str) -> Iterator[Path]:
        ours = (self.layout.root, self.layout.state)
        changing = (self.layout.data, self.layout.logs, self.layout.run)
        for word in _WORD.split(text):
            path = (self.layout.root / word.rpartition(":")[2]).resolve()  # `.nextphase` may be a link
            if (
                any(path.is_relative_to(folder) for folder in ours)
                and not any(path.is_relative_to(folder) for folder in changing)
                and path.is_file()
            ):
                yield path

    def _read_by(self, name: str, named: Mapping[str, set[Path]]) -> set[Path]:
        """The files a process names and, beside those in the configuration, what nobody names (rules).

        Without those that Rio watches: it takes up a changed catalog by itself.
        """
        others = set().union(*(files for other, files in named.items() if other != name))
        folders = {path.parent for path in named[name] if path.is_relative_to(self.layout.config)}
        beside = {
            path
            for folder in folders - {self.layout.config}
            for path in folder.rglob("*")
            if path.is_file() and path not in others
        }
        reread = {self.layout.config / hops.RIO_CATALOG, Path(Secrets(self.layout.secrets).senders)}
        return (named[name] | beside - {self.layout.processes_file}) - reread

    def _code_of(self, definition: Any) -> set[Path]:
        """Code of the Python hop that a definition starts; none for other programs."""
        text = " ".join(_strings(definition)).replace(str(self.layout.root), "")
        units = {match.replace(".", "/", 1) for match in _CODE.findall(text)}
        if not units or "python" not in text:
            return set()
        units.update(_SHARED_BY_ALL)
        if any(unit.startswith("services/") for unit in units):
            units.update(_SHARED_BY_SERVICES)
        return {
            path
            for unit in units
            for path in [self.layout.root / unit, *(self.layout.root / unit).rglob("*.py")]
            if path.is_file() and not set(path.relative_to(self.layout.root).parts) & set(_NOT_CODE)
        }

    def _content(self, files: set[Path]) -> str:
        parts = (f"{path}:{_digest(path.read_bytes())}" for path in sorted(files))
        return _digest("\n".join(parts).encode())


def remember(layout: Layout, fingerprints: Mapping[str, Fingerprint]) -> None:
    """Notes what the instance now runs with."""
    content = {name: asdict(fingerprint) for name, fingerprint in sorted(fingerprints.items())}
    write(_applied(layout), json.dumps(content, indent=1) + "\n")


def apply(
    supervisor: Supervisor, program: Path, definitions: Definitions, note: Callable[[str], None]
) -> list[str]:
    """Brings a running instance to its definitions, touching only what differs or does not run.

    program: process-compose. Returns what was done, one line a process; raises Failure.
    """
    layout = definitions.layout
    before, now = _remembered(layout), definitions.fingerprints()
    gone = sorted(before.keys() - now.keys())
    new = [name for name in definitions.in_order() if name not in before]
    kept = [name for name in definitions.in_order() if name in before]
    redefined = [name for name in kept if before[name].definition != now[name].definition]
    changed = {*new, *redefined}
    # The supervisor never again starts what waits for a process that was redefined while it ran.
    basic = sorted(definitions.awaited_by_any() & set(redefined))
    lost = [process.name for process in supervisor.list() if process.state == LOST]
    if basic or lost:
        supervisor.stop(note)
        remember(layout, now)
        supervisor.start(program)
        reason = f"others wait for {', '.join(basic)}, whose definition changed"
        return [f"everything restarted: {reason if basic else 'the supervisor lost ' + ', '.join(lost)}"]
    touched = [name for name in kept if name not in redefined and before[name].files != now[name].files]
    done = [f"{name} removed" for name in gone] + [f"{name} added" for name in new]

    if gone or new or redefined:
        note("taking up changed processes")
        supervisor.apply([*gone, *redefined])
        done += [f"{name} restarted: its definition changed" for name in redefined]
    reloaded = [name for name in touched if name in RELOADED]
    for name in reloaded:
        note(f"{name} reads its files again")
        _check(definitions, name)
        supervisor.signal_process(name, signal.SIGHUP)
        done.append(f"{name} reloaded: its files changed")
    idle = {process.name for process in supervisor.list() if process.state in (STOPPED, FAILED)}
    again = {name: "it did not run" for name in kept if name in idle and name not in changed}
    again |= {name: "what it reads changed" for name in touched if name not in reloaded}
    # New processes were started all at once; those that wait for another are started again in their turn.
    hasty = {name for name in changed if (changed | again.keys()) & definitions.awaited(name)}
    _restart(supervisor, definitions, {*again, *hasty}, note)
    remember(layout, now)
    return done + [f"{name} restarted: {reason}" for name, reason in again.items()]


def _restart(
    supervisor: Supervisor, definitions: Definitions, names: set[str], note: Callable[[str], None]
) -> None:
    """Stops the processes all together and starts each when what it waits for is ready.

    The supervisor itself would wait for what these were before. One that waits has read nothing yet, and must
    not be stopped: the supervisor would never start it again. It gives up when what it waits for is stopped.
    """
    waiting = {process.name for process in supervisor.list() if process.state == WAITING}
    note(f"stopping {', '.join(sorted(names - waiting))}")
    supervisor.stop_processes(names - waiting)
    for name in definitions.in_order() if names else ():
        if name in names | waiting:
            note(f"starting {name}")
            supervisor.wait_until_right(definitions.awaited(name), _READY_SECONDS)
            supervisor.start_process(name)


def _check(definitions: Definitions, name: str) -> None:
    options = RELOADED[name]
    command = definitions.processes[name].get("entrypoint")
    if not options or not command:
        return
    answer = subprocess.run(
        [*command, *options],
        cwd=definitions.layout.root,
        capture_output=True,
        text=True,
        timeout=_CHECK_SECONDS,
        check=False,
    )
    if answer.returncode != 0:
        raise Failure(f"{name} refuses its configuration", tail=answer.stderr.splitlines()[-15:])


def _remembered(layout: Layout) -> dict[str, Fingerprint]:
    try:
        content = json.loads(_applied(layout).read_text())
        return {name: Fingerprint(**fingerprint) for name, fingerprint in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _applied(layout: Layout) -> Path:
    return layout.run / "applied.json"


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _strings(value)
    elif isinstance(content, list):
        for value in content:
            yield from _strings(value)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
