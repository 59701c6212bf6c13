"""The virtual environment: Python packages at the locked versions, in the cache."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from compose.cli import cache
from compose.cli.errors import Failure
from compose.cli.setup import child
from compose.cli.setup.stage import Note, Stage

RUNTIME, DEVELOPMENT = Path("requirements/runtime.txt"), Path("requirements/dev.txt")
_TIMEOUT_SECONDS = 20 * 60
_MARKER = ".complete"  # written last: without it the environment is half made
_SHOWN = ("Collecting ", "Downloading ", "Installing ")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_SEPARATORS = re.compile(r"[-_.]+")
_INFO = ".dist-info"


def folder(root: Path, *, testing: bool = False) -> Path:
    """Where the environment of the checkout `root` belongs, made or not."""
    lock = root / (DEVELOPMENT if testing else RUNTIME)
    return cache.home() / f"venv-{cache.digest([lock], _version(), interpreter(), platform.machine())}"


def lock(root: Path, *, testing: bool = False) -> Path:
    """The file with the packages of the environment, each at one version."""
    return root / (DEVELOPMENT if testing else RUNTIME)


def python(root: Path, *, testing: bool = False) -> Path | None:
    """The Python of an environment that has what is locked; None where there is none.

    The environment of the tests serves as the runtime's, too, if it has what is locked for that.
    """
    for candidate in (folder(root, testing=testing), folder(root, testing=True)):
        if _is_made(candidate) and not differences(candidate, lock(root, testing=testing)):
            return candidate / "bin/python"
    return None


def differences(home: Path, lock_file: Path) -> list[str]:
    """The packages of the environment `home` that are not as locked, a line each."""
    wanted, there = locked(lock_file), installed(home)
    return [
        f"{name} {version} is locked, {there.get(name, 'none')} is installed"
        for name, version in sorted(wanted.items())
        if _canonical(there.get(name, "")) != _canonical(version)
    ]


def installed(home: Path) -> Mapping[str, str]:
    """The packages of the environment `home`, by name as the index has it, and their versions."""
    packages = (path.name.removesuffix(_INFO) for path in home.glob(f"lib/python*/site-packages/*{_INFO}"))
    found = (name.rpartition("-") for name in packages)
    return {_name(name): version for name, _, version in found}


def locked(lock_file: Path) -> dict[str, str]:
    """The packages of a file of locked ones, by name as the index has it, and their versions."""
    return {_name(name): version for name, version in _PIN.findall(lock_file.read_text())}


def _name(name: str) -> str:
    """A package's name in the one spelling that the index knows (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def _canonical(version: str) -> str:
    """A version without what makes no difference: leading zeros of numbers, zeros at its end (PEP 440)."""
    numbers = re.sub(r"(?<![0-9a-z])0+(?=[0-9])", "", version.lower().replace("_", "+"))
    return re.sub(r"(\.0)+(?=$|[a-z+])", "", numbers)


def _is_made(home: Path) -> bool:
    # A link into an interpreter that is gone does not count.
    return (home / _MARKER).exists() and (home / "bin/python").exists()


class Environment(Stage):
    """The environment exists and has what is locked."""

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
            log, wanted = cache.log("venv"), lock(self._root, testing=self._testing)
            if not _is_made(home):
                shutil.rmtree(home, ignore_errors=True)
                # Environments cannot be moved once made: it is made in place, and marked when it is whole.
                child.run(
                    [interpreter(), "-m", "venv", str(home)],
                    what="making the virtual environment",
                    log=log,
                    timeout_seconds=_TIMEOUT_SECONDS,
                )
            install(home / "bin/python", wanted, [], log, note)
            if different := differences(home, wanted):
                raise Failure("the Python packages are not those that are locked", tail=different, log=log)
            (home / _MARKER).touch()


def install(program: Path, lock: Path, options: list[str], log: Path, note: Note) -> None:
    """Installs exactly what `lock` lists, hashes compared, with the pip of `program`."""

    def tell(line: str) -> None:
        if line.strip().startswith(_SHOWN):
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
