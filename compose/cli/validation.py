"""Checks of generated configuration by the programs that are going to read it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compose.cli import environment
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.stores import Stores

OBSERVABILITY = Path("observability")
_SECONDS = 120
_PROBLEM_LINES = 20


@dataclass(frozen=True)
class Check:
    """A command that fails when a file is not as its program wants it.

    what: the file, for people. processes: those that read it.
    """

    what: str
    processes: Collection[str]
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


def refusal(check: Check, folder: Path) -> list[str] | None:
    """The output of a check's program, run in `folder`, if it refuses the file; else None."""
    try:
        answer = subprocess.run(
            check.command,
            env={**os.environ, **check.variables},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"not checked within {_SECONDS} s"]
    if answer.returncode == 0:
        return None
    return [line for line in answer.stdout.splitlines() if line.strip()][-_PROBLEM_LINES:]


def collector(program: Path, root: Path, site: Site, platform: Platform, stores: Stores) -> Check:
    """The collector's own check of its file in the checkout `root`."""
    return _validated("collector", program, root, environment.collector(site, platform, stores))


def jaeger(program: Path, root: Path, site: Site, platform: Platform) -> Check:
    """Jaeger's own check of its file in the checkout `root`."""
    return _validated("jaeger", program, root, environment.jaeger(site, platform))


def loki(program: Path, root: Path, site: Site, platform: Platform) -> Check:
    """Loki's own check of its file in the checkout `root`."""
    words = [str(program), f"-config.file={root / OBSERVABILITY / 'loki/loki.yaml'}"]
    words += ["-config.expand-env=true", "-verify-config"]
    return Check("observability/loki/loki.yaml", ["loki"], words, environment.loki(site, platform))


def _validated(name: str, program: Path, root: Path, variables: Mapping[str, str]) -> Check:
    file = OBSERVABILITY / name / f"{name}.yaml"
    return Check(str(file), [name], [str(program), "validate", "--config", str(root / file)], variables)
