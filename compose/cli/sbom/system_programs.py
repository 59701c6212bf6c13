"""Programs that an instance starts and the machine has: their Debian packages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from compose.cli.sbom.component import Component
from compose.cli.setup import programs
from compose.cli.toolbox import Toolbox

_PYTHON_LICENCE = "PSF-2.0"  # not in NOTICE: the machine's own
_TIMEOUT_SECONDS = 30
_TELL_VERSION = ("OpenJDK", "Python")
"""Programs that machines have without a package, too; the second word of their `--version` is the version."""


def components(toolbox: Toolbox, noticed: Mapping[str, str]) -> Iterator[Component]:
    """A component for each; of a program that no package owns the version is known in _TELL_VERSION alone."""
    licences = {**noticed, "python": _PYTHON_LICENCE}
    paths = {
        "nginx": toolbox.nginx,
        "RabbitMQ": toolbox.rabbitmq_server,
        "Erlang/OTP": programs.find("erl") or toolbox.epmd,
        "PostgreSQL": toolbox.postgres_bin / "postgres",
        "Prometheus": toolbox.prometheus,
        "Alertmanager": toolbox.alertmanager,
        "logrotate": toolbox.logrotate,
        "OpenJDK": toolbox.java,
        "Python": toolbox.python,
    }
    for name, path in paths.items():
        yield _component(name, path.resolve(), licences.get(name.lower(), ""))


def _component(name: str, path: Path, licence: str) -> Component:
    package = _answer("dpkg-query", "--search", str(path)).partition(":")[0]
    if not package:
        version = _own_version(path) if name in _TELL_VERSION else ""
        return Component("generic", "", name.lower().replace("/", "-"), version, licence, is_program=True)
    shown = _answer("dpkg-query", "--show", "--showformat=${Version} ${Architecture}", package)
    version, architecture = shown.split()
    qualifiers = f"arch={architecture}"
    return Component("deb", "debian", package, version, licence, is_program=True, qualifiers=qualifiers)


def _own_version(path: Path) -> str:
    _, version, *_ = [*_answer(str(path), "--version").split(), "", ""]
    return version


def _answer(*command: str) -> str:
    """The output of a program; nothing where there is none, or dpkg-query knows no such package."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError:
        return ""
    return answer.stdout
