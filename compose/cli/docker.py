"""The machine's Docker engine, which only the containers need. Standard library only."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from compose.cli.setup import programs

LEAST = (20, 10)
"""From this version on the machine need not have an address in a network."""

_SECONDS = 10


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    version: as it tells it, such as `26.1.5+dfsg1`. has_buildkit: whether `docker` builds with BuildKit.
    """

    version: str
    has_buildkit: bool

    @property
    def is_new_enough(self) -> bool:
        """Whether the composition runs on it; one whose version cannot be read is taken to be."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return found is None or (int(found[1]), int(found[2])) >= LEAST


def engine() -> Engine | None:
    """The engine that `docker` speaks with; None where there is no `docker` or no engine answers it."""
    version = _ask("version", "--format", "{{.Server.Version}}")
    return Engine(version, bool(_ask("buildx", "version"))) if version else None


def _ask(*arguments: str) -> str:
    """The output of `docker`; empty if it fails."""
    docker = programs.find("docker")
    if docker is None:
        return ""
    command = [str(docker), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
