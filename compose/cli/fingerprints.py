"""Digests of all that each process was started with, by which changes are found.

A process depends on its definition, on the files that it reads (those its definition names, those that these
name in turn) and, if it is a Python hop, on its code. Some files are read again on SIGHUP: what changes in
them alone needs no new process.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from compose.cli import files, hops
from compose.cli.layout import Layout
from compose.cli.secrets import Secrets

RELOADING = ("edge-nginx", "services-nginx", "postgres", "prometheus", "alertmanager")
"""Processes that read all of their files again on SIGHUP. What else does: see `_is_reloaded`."""

_GATEWAY_RELOADS = ("services",)  # members of gateway.json
_WORD = re.compile(r"[\s=,;|\"'()]+")
_CODE = re.compile(
    r"(?<![\w./])(gateway|broker|services[./]\w+|observability[./]console|compose[./]disk_limits)\b"
)
_SHARED_BY_HOPS = ("observability",)
_NO_HOP = "compose/disk_limits"
_CONSOLE = "observability/console"  # a hop of its own; its front end is not read where its sources are
_SHARED_BY_SERVICES = (
    "services/chassis",
    "services/gunicorn.conf.py",
    "broker/client",
    "broker/cloudevents",
)
_NOT_CODE = ("tests", "__pycache__", "target", "src")
_NOT_CODE_NAMES = ("service.yaml", "README.md")  # the manifest acts by what is generated from it
_ORDERING = ("disabled", "depends_on", "x-after", "description")  # changes nothing about the process itself


@dataclass(frozen=True)
class Fingerprint:
    """Digests of a process' definition, of what it reads at its start, and of what it reads on SIGHUP."""

    definition: str
    files: str
    reloaded: str

    def needs_a_new_process(self, before: Fingerprint) -> bool:
        """Whether SIGHUP is not enough to get from `before` to this one."""
        return (self.definition, self.files) != (before.definition, before.files)


@dataclass
class Fingerprints:
    """Takes the fingerprints of processes.

    files: content of files that are not written yet; it counts instead of what is on disk.
    """

    layout: Layout
    processes: Mapping[str, Mapping[str, Any]]
    files: Mapping[Path, str] = field(default_factory=dict)

    def take(self) -> dict[str, Fingerprint]:
        """The fingerprint of every process."""
        named = {name: self.named_files(definition) for name, definition in self.processes.items()}
        return {
            name: self._fingerprint(name, definition, self._read_by(name, named) | self._code_of(definition))
            for name, definition in self.processes.items()
        }

    def _fingerprint(self, name: str, definition: Mapping[str, Any], paths: set[Path]) -> Fingerprint:
        own = {key: value for key, value in definition.items() if key not in _ORDERING}
        fixed: list[str] = []
        reloaded: list[str] = []
        for path in sorted(paths):
            parts = self._parts(name, path)
            for kept, part in zip((fixed, reloaded), parts, strict=True):
                if part is not None:
                    kept.append(f"{path}:{_digest(part)}")
        return Fingerprint(
            _digest(json.dumps(own, sort_keys=True).encode()),
            _digest("\n".join(fixed).encode()),
            _digest("\n".join(reloaded).encode()),
        )

    def _parts(self, name: str, path: Path) -> tuple[bytes | None, bytes | None]:
        """Of a file's content: what the process reads only at its start, and what it reads on SIGHUP."""
        content = self._content(path)
        if name == "gateway" and path == self.layout.config / "gateway.json":
            document = json.loads(content)
            again = {key: document.pop(key, None) for key in _GATEWAY_RELOADS}
            return _canonical(document), _canonical(again)
        return (None, content) if self._is_reloaded(name, path) else (content, None)

    def _is_reloaded(self, name: str, path: Path) -> bool:
        return name in RELOADING or (name == "gateway" and path.name == "routes.yaml")

    def named_files(self, definition: Any) -> set[Path]:
        """Files of the checkout or the instance that a definition names, and those that they name in turn."""
        found: set[Path] = set()
        texts = list(_strings(definition))
        while texts:
            for path in self._paths(texts.pop()):
                if path not in found:
                    found.add(path)
                    if path.is_relative_to(self.layout.config):
                        texts.append(self._content(path).decode(errors="replace"))
        return found

    def _paths(self, text: str) -> Iterator[Path]:
        ours = (self.layout.root, self.layout.state)
        changing = (self.layout.data, self.layout.logs, self.layout.run)
        for word in _WORD.split(text):
            path = (self.layout.root / word.rpartition(":")[2]).resolve()  # `.nextphase` may be a link
            if (
                any(path.is_relative_to(folder) for folder in ours)
                and not any(path.is_relative_to(folder) for folder in changing)
                and (path in self.files or path.is_file())
            ):
                yield path

    def _read_by(self, name: str, named: Mapping[str, set[Path]]) -> set[Path]:
        """The files a process names and files beside its configuration that no process names (rules).

        Without those that Rio watches, which takes up a changed catalog by itself, and the catalog that the
        console reads whenever a page asks for it.
        """
        others = set().union(*(found for other, found in named.items() if other != name))
        folders = {path.parent for path in named[name] if path.is_relative_to(self.layout.config)}
        beside = {
            path
            for folder in folders - {self.layout.config}
            for path in self._below(folder)
            if path not in others
        }
        catalogs = {self.layout.config / name for name in (hops.RIO_CATALOG, hops.CATALOG)}
        watched = catalogs | {Path(Secrets(self.layout.secrets).senders)}
        return (named[name] | beside) - watched

    def _below(self, folder: Path) -> set[Path]:
        planned = {path for path in self.files if path.is_relative_to(folder)}
        if planned:
            return planned  # what is planned is all there will be
        return {path for path in folder.rglob("*") if path.is_file()}

    def _code_of(self, definition: Any) -> set[Path]:
        """Code of ours that a definition starts; none for other programs."""
        text = " ".join(_strings(definition)).replace(str(self.layout.root), "")
        units = {match.replace(".", "/", 1) for match in _CODE.findall(text)}
        if not units or "python" not in text:
            return set()
        shared = set() if units == {_NO_HOP} else {*_SHARED_BY_HOPS}
        if any(unit.startswith("services/") for unit in units):
            shared.update(_SHARED_BY_SERVICES)
        own = {path for unit in units for path in self._files_of(unit, "*.py" if unit == _CONSOLE else "*")}
        console = self.layout.root / _CONSOLE
        common = {path for unit in shared for path in self._files_of(unit, "*.py")}
        return own | {path for path in common if not path.is_relative_to(console)}

    def _files_of(self, unit: str, pattern: str) -> Iterator[Path]:
        root = self.layout.root
        for path in [root / unit, *(root / unit).rglob(pattern)]:
            hidden = set(path.relative_to(root).parts) & set(_NOT_CODE)
            if path.is_file() and not hidden and path.name not in _NOT_CODE_NAMES:
                yield path

    def _content(self, path: Path) -> bytes:
        planned = self.files.get(path)
        return path.read_bytes() if planned is None else planned.encode()


def remembered(layout: Layout) -> dict[str, Fingerprint]:
    """The fingerprints that the instance's processes were started with; empty if they are not known."""
    try:
        content = json.loads(_applied(layout).read_text())
        return {name: Fingerprint(**fingerprint) for name, fingerprint in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(layout: Layout, fingerprints: Mapping[str, Fingerprint]) -> None:
    """Notes what each process of the instance now runs with."""
    content = {name: asdict(fingerprint) for name, fingerprint in sorted(fingerprints.items())}
    files.write(_applied(layout), json.dumps(content, indent=1) + "\n")


def _applied(layout: Layout) -> Path:
    return layout.run / "applied.json"


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


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
