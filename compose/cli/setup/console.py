"""The console's front end, bundled from its sources and the npm packages that its lock file names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from compose.cli import cache
from compose.cli.setup import child
from compose.cli.setup.node import Node
from compose.cli.setup.stage import Note, Stage

SOURCES = Path("observability/console/web")
OUTPUT = "dist"
"""Where `npm run build` leaves the bundle, below the sources."""

INDEX = "index.html"
_TIMEOUT_SECONDS = 10 * 60
_NOT_SOURCES = ("node_modules", OUTPUT, f"{OUTPUT}-test", "tests")
_INSTALL = ("ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
_BUILD = ("run", "build")
_VARIABLES = {
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    # A registry that does not answer is told within two minutes; by default that takes a quarter of an hour.
    "NPM_CONFIG_FETCH_RETRIES": "1",
    "NPM_CONFIG_FETCH_TIMEOUT": "60000",
    "NO_COLOR": "1",
}


def bundle(root: Path) -> Path:
    """The folder where the front end of the checkout `root` belongs, built or not.

    Neither the version of Node.js nor that of npm is part of its name: both only run what is locked.
    """
    files = _sources(root)
    names = (str(file.relative_to(root / SOURCES)) for file in files)
    return cache.home() / f"console-{cache.digest(files, *names, *_INSTALL, *_BUILD)}"


def is_built(root: Path) -> bool:
    """Whether the front end of the checkout `root` is there."""
    return (bundle(root) / INDEX).is_file()


def _sources(root: Path) -> list[Path]:
    found: list[Path] = []
    for current, folders, names in os.walk(root / SOURCES):
        folders[:] = [name for name in folders if name not in _NOT_SOURCES and not name.startswith(".")]
        found += [Path(current, name) for name in names]
    return sorted(found)


class Bundle(Stage):
    """The console's front end is built."""

    title = "Console"

    def __init__(self, root: Path, node: Node) -> None:
        self._root = root
        self._node = node

    def is_right(self) -> bool:
        return is_built(self._root)

    def run(self, note: Note) -> None:
        target = bundle(self._root)
        with cache.locked(target, note, _TIMEOUT_SECONDS):
            if self.is_right():
                return  # by the set-up that held the lock
            half_made = target.with_name(target.name + ".partial")
            shutil.rmtree(half_made, ignore_errors=True)
            try:
                self._build(half_made, note)
                shutil.rmtree(target, ignore_errors=True)
                (half_made / OUTPUT).replace(target)
            finally:
                shutil.rmtree(half_made, ignore_errors=True)

    def _build(self, folder: Path, note: Note) -> None:
        """Bundles a copy of the sources, so that the checkout stays as it is."""
        for file in _sources(self._root):
            copy = folder / file.relative_to(self._root / SOURCES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        toolchain = self._node.toolchain(note)
        for what, words in (("installing the npm packages", _INSTALL), ("bundling", _BUILD)):
            note(what)
            child.run(
                [*toolchain.npm, *words],
                what=f"{what} of the console",
                log=cache.log("console"),
                timeout_seconds=_TIMEOUT_SECONDS,
                environment={**_VARIABLES, **toolchain.environment},
                folder=folder,
            )
