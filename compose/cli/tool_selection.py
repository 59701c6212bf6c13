"""Which binary of each Go tool an instance runs: the one that compose/platform.yaml names, else one on PATH
that is good enough, else our own build.

Good enough: of a version that the configuration was written for, with every component that the configuration
names, and it accepts that configuration. Seven of the collector's components are our own
(docs/dependencies.md): an official distribution has others of the same names, or none, and is passed over.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from compose.cli import cache, validation
from compose.cli.platform import Platform, refused
from compose.cli.setup import prepare, programs, tools
from compose.cli.setup.go import Go
from compose.cli.setup.tools import JAEGER, LOKI, LURA, OTELCOL, PROCESS_COMPOSE, TOOLS, BuiltTool, Tool
from compose.cli.setup.venv import Environment
from compose.cli.site import Site
from compose.cli.stores import Stores

Version = tuple[int, int, int]

BUILT, ON_PATH, NAMED = "built here", "on PATH", "named in compose/platform.yaml"
_SECONDS = 30  # a large program, on a busy machine
_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)")
_OUR_MODULE = "nextphase/otelcol"  # compose/tools/otelcol/main.go
_OURS = (
    *(("receivers", name) for name in ("fluentforward", "hostpressure", "postgresqlstat")),
    *(("processors", name) for name in ("loglimits", "masking")),
    ("exporters", "otlphttp"),
    ("extensions", "filebacklog"),
)


@dataclass(frozen=True)
class Requirement:
    """The names of a binary on PATH, the arguments that print its version, and the versions that will do:
    from `least` on, within the same major version or up to `newest_major`.
    """

    names: Sequence[str]
    version_words: Sequence[str]
    least: Version
    newest_major: int


REQUIREMENTS: Mapping[Tool, Requirement] = {
    PROCESS_COMPOSE: Requirement(["process-compose"], ["version"], (1, 64, 1), 1),
    OTELCOL: Requirement(["otelcol", "otelcol-contrib"], ["--version"], (0, 145, 0), 0),
    # What the module has as 1.76 is 2.13 as a release: the releases of 1.x hold another program.
    JAEGER: Requirement(["jaeger"], ["version"], (1, 76, 0), 2),
    LOKI: Requirement(["loki"], ["-version"], (3, 7, 0), 3),
}


@dataclass(frozen=True)
class Selection:
    """The binary of a tool. source: BUILT, ON_PATH or NAMED. version: as it says itself; of one that is built
    here, what it is built from. passed_over: what was found on PATH, each with the reason it is not used."""

    tool: Tool
    path: Path
    source: str
    version: str
    passed_over: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Which binary is used and which were passed over; empty if our own build is the only one."""
        lines = [f"{self.tool.name}: passed over {said}" for said in self.passed_over]
        if self.source != BUILT:
            lines.append(f"{self.tool.name}: {self.path}, {self.version}, {self.source}")
        return lines


class Unusable(Exception):
    """A binary will not do; the message says why."""


def select_all(root: Path) -> dict[Tool, Selection]:
    """The binary of every tool that an instance runs: not of a store in whose place an existing one is used.

    Raises Refused where compose/platform.yaml names one that will not do.
    """
    platform = Platform.load(root)
    wanted = [tool for tool in TOOLS if tool.name not in platform.telemetry.replaced]
    with ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(lambda tool: _select(root, tool, platform), wanted), strict=True))


def set_up(root: Path, *, testing: bool) -> None:
    """Builds the tools of which nothing good enough is found, and says which other binaries are used.

    testing: with what only tests and benchmarks need. Raises Failure.
    """
    selected = select_all(root)
    for selection in selected.values():
        for line in selection.lines():
            print(line, file=sys.stderr, flush=True)
    go = Go(root, Environment(root, testing=testing))
    own = [tool for tool, selection in selected.items() if selection.source == BUILT]
    prepare([BuiltTool(root, tool, go) for tool in (*own, *((LURA,) if testing else ()))])


def identity(program: Path) -> str:
    """A value that changes when another program takes the same path; empty for our own builds, which stay."""
    if program.is_relative_to(cache.home()) or not program.exists():
        return ""
    found = program.stat()
    return f"{found.st_size}-{found.st_mtime_ns}"


def _select(root: Path, tool: Tool, platform: Platform) -> Selection:
    named = platform.tools.get(tool.name)
    if named is not None:
        try:
            return Selection(tool, named, NAMED, _usable(root, tool, named, platform))
        except Unusable as error:
            raise refused(root, ("tools", tool.name), f"{named}: {error}") from error
    passed_over: list[str] = []
    for found in _on_path(REQUIREMENTS[tool].names):
        try:
            version = _usable(root, tool, found, platform)
        except Unusable as error:
            passed_over.append(f"{found}: {error}")
        else:
            return Selection(tool, found, ON_PATH, version, passed_over)
    return Selection(tool, tools.binary(root, tool), BUILT, tools.version(root, tool), passed_over)


def _on_path(names: Sequence[str]) -> Iterator[Path]:
    """The first program of each name."""
    for name in names:
        if found := programs.find(name):
            yield found.absolute()


def _usable(root: Path, tool: Tool, program: Path, platform: Platform) -> str:
    """The version of a program that will do; raises Unusable."""
    if not program.is_file():
        raise Unusable("there is no such file")
    if not os.access(program, os.X_OK):
        raise Unusable("is not executable")
    version = _version(tool, program)
    if tool is OTELCOL:
        _check_components(root, program)
    if (check := _configuration(root, tool, program, platform)) and (said := validation.refusal(check, root)):
        raise Unusable(f"{version} does not accept {check.what}: {said[-1].strip()}")
    return version


def _version(tool: Tool, program: Path) -> str:
    requirement = REQUIREMENTS[tool]
    match = _VERSION.search(_output(program, *requirement.version_words))
    if not match:
        raise Unusable(f"`{' '.join([program.name, *requirement.version_words])}` does not tell its version")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < requirement.least:
        raise Unusable(f"is {_text(version)}, {_text(requirement.least)} or newer is needed")
    if version[0] > requirement.newest_major:
        raise Unusable(f"is {_text(version)}, nothing newer than {requirement.newest_major}.x")
    return _text(version)


def _check_components(root: Path, collector: Path) -> None:
    """Raises Unusable unless the collector has every component that its configuration names, and our own."""
    file = root / validation.OBSERVABILITY / "collector/collector.yaml"
    configuration = yaml.safe_load(file.read_text())
    try:
        offered = yaml.safe_load(_output(collector, "components"))
        modules = {
            (section, component["name"]): component["module"]
            for section in ("receivers", "processors", "exporters", "connectors", "extensions")
            for component in offered[section]
        }
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise Unusable("`components` does not list what it has") from error
    missing = sorted(_components(configuration) - modules.keys())
    if missing:
        raise Unusable(f"has no {_listed(missing)}")
    ours = f"{_OUR_MODULE} {tools.version(root, OTELCOL)}"
    foreign = [component for component in _OURS if modules.get(component) != ours]
    if foreign:
        raise Unusable(f"its {_listed(foreign)} is not that of compose/tools/otelcol as it is here")


def _components(configuration: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Section and type of every component that a collector's configuration names."""
    sections = ("receivers", "processors", "exporters", "connectors", "extensions")
    return {(each, name.partition("/")[0]) for each in sections for name in configuration.get(each) or ()}


def _listed(components: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{section.removesuffix('s')} {name}" for section, name in components)


def _configuration(root: Path, tool: Tool, program: Path, platform: Platform) -> validation.Check | None:
    """The program's own check of the configuration; process-compose has none."""
    site = Site.containers("selection")  # any that is not an instance's: nothing of it is opened
    checks = {
        OTELCOL: lambda: validation.collector(program, root, site, platform, Stores.own(site)),
        JAEGER: lambda: validation.jaeger(program, root, site, platform),
        LOKI: lambda: validation.loki(program, root, site, platform),
    }
    return checks[tool]() if tool in checks else None


def _output(program: Path, *words: str) -> str:
    """The output of a program; raises Unusable if it cannot be run."""
    found = program.stat()
    return _kept_output(program, words, (found.st_size, found.st_mtime_ns))


@functools.cache
def _kept_output(program: Path, words: Sequence[str], changes_with: tuple[int, int]) -> str:
    try:
        answer = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise Unusable(f"does not run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unusable(f"`{' '.join(words)}` does not end within {_SECONDS} s") from error
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise Unusable(f"`{' '.join(words)}` fails: {said[-1] if said else f'exit code {answer.returncode}'}")
    return answer.stdout


def _text(version: Version) -> str:
    return ".".join(map(str, version))
