"""Debian packages: which are missing, and installing those without leaving their services running."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compose.cli import cache, hints
from compose.cli.errors import Failure
from compose.cli.setup import child, programs
from compose.cli.setup.stage import Note, Stage

SCRIPT = Path(__file__).with_name("install_packages.sh")
_TIMEOUT_SECONDS = 30 * 60
_BROKEN = ("U", "F", "H", "W", "t")  # dpkg's second state letter: unpacked, half configured, ...


@dataclass(frozen=True)
class Requirement:
    """A Debian package and how to tell that what we want of it is there, however it was installed."""

    package: str
    is_found: Callable[[], bool]


def _program(*names: str) -> Callable[[], bool]:
    return lambda: all(programs.find(name) for name in names)


def _modules(*names: str) -> Callable[[], bool]:
    return lambda: all(importlib.util.find_spec(name) for name in names)


REQUIRED = (
    Requirement("ca-certificates", Path("/etc/ssl/certs/ca-certificates.crt").is_file),
    Requirement("python3-venv", _modules("venv", "ensurepip")),
    Requirement("nginx", _program("nginx")),
    Requirement("rabbitmq-server", lambda: programs.rabbitmq_server() is not None),
    Requirement("postgresql", lambda: programs.postgres_bin() is not None),
    Requirement("prometheus", _program("prometheus", "promtool")),
    Requirement("prometheus-alertmanager", _program("prometheus-alertmanager", "amtool")),
    Requirement("logrotate", _program("logrotate")),
    Requirement("openjdk-17-jdk-headless", lambda: programs.jdk() is not None),
    Requirement("maven", _program("mvn")),
)
"""Packages that an instance needs."""

TESTING = (
    Requirement("docker-compose", _program("docker-compose")),
    Requirement("wrk", _program("wrk")),
    Requirement("zsh", _program("zsh")),
    Requirement("chromium", _program("chromium")),
    Requirement("fonts-dejavu-core", Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").is_file),
)
"""Packages that only tests and benchmarks need."""


def missing(requirements: Sequence[Requirement]) -> list[str]:
    """Packages to install: what is not found, and what dpkg has left half installed."""
    half_done = _half_installed([requirement.package for requirement in requirements])
    return [r.package for r in requirements if r.package in half_done or not r.is_found()]


def _half_installed(packages: Sequence[str]) -> set[str]:
    if not shutil.which("dpkg-query"):
        return set()
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *packages],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,  # it fails when it does not know one of them
    )
    known = (line.split(" ", 1) for line in answer.stdout.splitlines())
    return {package for package, state in known if state[1:2] in _BROKEN}


def installation(packages: Sequence[str], *, root: bool, sudo: bool) -> list[str] | None:
    """The command that installs `packages`; None when the caller may not."""
    command = ["sh", str(SCRIPT), *packages]
    if root:
        return command
    return ["sudo", "-n", *command] if sudo else None


def by_hand(packages: Sequence[str]) -> str:
    """The command for a user who can become root."""
    return f"su -c {shlex.quote(shlex.join(['sh', str(SCRIPT), *packages]))}"


def _may_sudo() -> bool:
    """Whether sudo works; asks for the password when there is a terminal to ask at."""
    if not shutil.which("sudo"):
        return False
    if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print("Some Debian packages are missing; installing them needs root.", file=sys.stderr)
    return subprocess.run(["sudo", "-v"], check=False).returncode == 0


class Packages(Stage):
    """Everything in `requirements` is installed."""

    title = "Debian packages"

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self._requirements = requirements
        self._command: list[str] | None = None

    def is_right(self) -> bool:
        return not missing(self._requirements)

    def prepare(self) -> None:
        packages = missing(self._requirements)
        if not shutil.which("apt-get"):
            raise Failure(
                f"missing on this machine: {', '.join(packages)}",
                advice="These are names of Debian packages; this machine has no apt-get. "
                f"Install what they hold and run {hints.set_up()} again.",
            )
        root = os.geteuid() == 0
        self._command = installation(packages, root=root, sudo=not root and _may_sudo())
        if self._command is None:
            raise Failure(
                f"Debian packages are missing: {', '.join(packages)}",
                advice="Installing them needs root. Run this, then "
                f"{hints.set_up()} again:\n  {by_hand(packages)}",
            )

    def run(self, note: Note) -> None:
        if self._command is None:
            self.prepare()
        assert self._command is not None  # noqa: S101 - prepare() sets it or raises
        child.run(
            self._command,
            what="installing Debian packages",
            log=cache.log("packages"),
            timeout_seconds=_TIMEOUT_SECONDS,
            on_line=note,
            privileged=self._command[0] == "sudo",
        )
        still = missing(self._requirements)
        if still:
            raise Failure(f"installed, but still not found: {', '.join(still)}", log=cache.log("packages"))
