"""The virtual environment: Python packages at the locked versions, in the cache."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

from compose.cli import cache
from compose.cli.setup import child
from compose.cli.setup.stage import Note, Stage

RUNTIME, DEVELOPMENT = Path("requirements/runtime.txt"), Path("requirements/dev.txt")
_TIMEOUT_SECONDS = 20 * 60
_MARKER = ".complete"  # written last: without it the environment is half made
_TOLD = ("Collecting ", "Downloading ", "Installing ")


def folder(root: Path, *, testing: bool = False) -> Path:
    """Where the environment of the checkout `root` belongs, made or not."""
    lock = root / (DEVELOPMENT if testing else RUNTIME)
    return cache.home() / f"venv-{cache.digest([lock], _version(), interpreter(), platform.machine())}"


def python(root: Path, *, testing: bool = False) -> Path | None:
    """The Python of the environment; None while it is not made.

    An environment for the tests holds the runtime's packages at the same versions, so it serves where that is
    the only one.
    """
    for candidate in (folder(root, testing=testing), folder(root, testing=True)):
        program = candidate / "bin/python"
        # A link into an interpreter that is gone does not count.
        if (candidate / _MARKER).exists() and program.exists():
            return program
    return None


class Environment(Stage):
    """The environment exists and is whole."""

    def __init__(self, root: Path, *, testing: bool) -> None:
        self._root = root
        self._testing = testing
        self.title = "Python packages"

    def is_right(self) -> bool:
        return self.python is not None

    @property
    def python(self) -> Path | None:
        """Its Python, None while it is not made."""
        return python(self._root, testing=self._testing)

    def run(self, note: Note) -> None:
        home = folder(self._root, testing=self._testing)
        with cache.locked(home, note, _TIMEOUT_SECONDS):
            if self.is_right():
                return  # by the set-up that held the lock
            shutil.rmtree(home, ignore_errors=True)
            log = cache.log("venv")
            # Environments cannot be moved once made: this one is made in place, and marked when it is whole.
            child.run(
                [interpreter(), "-m", "venv", str(home)],
                what="making the virtual environment",
                log=log,
                timeout_seconds=_TIMEOUT_SECONDS,
            )
            lock = self._root / (DEVELOPMENT if self._testing else RUNTIME)
            install(home / "bin/python", lock, [], log, note)
            (home / _MARKER).touch()


def install(program: Path, lock: Path, options: list[str], log: Path, note: Note) -> None:
    """Installs exactly what `lock` lists, hashes compared, with the pip of `program`."""

    def tell(line: str) -> None:
        if line.strip().startswith(_TOLD):
            note(line.split("(")[0])

    command = [str(program), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    # Wheels only: a machine without a compiler must not find that out half way.
    command += [
        "--progress-bar",
        "off",
        "--require-hashes",
        "--only-binary",
        ":all:",
        *options,
        "-r",
        str(lock),
    ]
    child.run(
        command, what="installing Python packages", log=log, timeout_seconds=_TIMEOUT_SECONDS, on_line=tell
    )


def interpreter(system: Path = Path("/usr")) -> str:
    """The Python that an environment is made with.

    The distribution's own where it is of the same version and can make one: it is built with profile-guided
    optimisation, which one that was built on the machine seldom is, and takes a tenth less for a request.
    Else the one that runs this; never that of another environment.
    """
    name = f"python{_version()}"
    own = system / "bin" / name
    if own.is_file() and (system / "lib" / name / "ensurepip/__init__.py").is_file():
        return str(own)
    return getattr(sys, "_base_executable", None) or sys.executable


def _version() -> str:
    """Not the patch version: an environment outlives the interpreter's own updates."""
    return ".".join(platform.python_version_tuple()[:2])
