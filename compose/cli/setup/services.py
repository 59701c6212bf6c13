"""Services that are built before they run: the `build` command of their manifests.

Not part of the machine's set-up, because reading the catalog needs the environment's packages.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from compose.cli import cache
from compose.cli.layout import STATE
from compose.cli.setup import child, programs
from compose.cli.setup.stage import Note, Stage

if TYPE_CHECKING:
    from compose.cli.catalog import Service

_TIMEOUT_SECONDS = 30 * 60
_OUTPUTS = ("target", "__pycache__")


class BuiltService(Stage):
    """The build of a service that has a build command, from its sources as they are."""

    def __init__(self, root: Path, service: Service) -> None:
        self._root = root
        self._service = service
        self._stamp = root / STATE / "builds" / service.name
        self.title = f"Service {service.name}"

    def is_right(self) -> bool:
        if not self._service.build:
            return True
        stamped = self._stamp.read_text() if self._stamp.exists() else None
        return stamped == self._sources() and all((self._root / path).exists() for path in self._outputs())

    def run(self, note: Note) -> None:
        assert self._service.build  # noqa: S101 - else it is right
        with cache.locked(self._stamp, note, _TIMEOUT_SECONDS):
            if self.is_right():
                return  # by the set-up that held the lock
            sources = self._sources()  # as they were before the build, whatever is edited meanwhile
            jdk = programs.jdk()
            self._detach_outputs()
            child.run(
                self._service.build,
                what=f"building service {self._service.name}",
                log=cache.log(f"service-{self._service.name}"),
                timeout_seconds=_TIMEOUT_SECONDS,
                environment={"JAVA_HOME": str(jdk)} if jdk else {},
                folder=self._root,
                on_line=note,
            )
            self._stamp.write_text(sources)

    def _detach_outputs(self) -> None:
        """Have the build write to files of its own: running processes read on from those that they opened."""
        for path in self._outputs():
            file = self._root / path
            if file.is_file():
                copy = file.with_name(f".{file.name}.copy")
                shutil.copy2(file, copy)
                copy.replace(file)

    def _sources(self) -> str:
        folder = self._root / "services" / self._service.name
        files = []
        for current, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in _OUTPUTS and not name.startswith(".")]
            files += [Path(current, name) for name in names]
        names = sorted(str(file.relative_to(folder)) for file in files)
        return cache.digest(files, *(self._service.build or ()), *names)

    def _outputs(self) -> list[str]:
        """Paths below the service's folder that its command or environment names."""
        words = " ".join([*self._service.command, *self._service.environment.values()])
        return re.findall(rf"services/{self._service.name}/[^\s:,]+", words)
