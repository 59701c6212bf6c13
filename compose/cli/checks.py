"""Holds what is planned against the programs that are going to read it, before anything is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from compose.cli import environment, files, nginx, processes
from compose.cli.errors import Failure
from compose.cli.generate import Plan
from compose.cli.site import Site
from compose.cli.toolbox import Toolbox

_SECONDS = 120
_AT_ONCE = 4
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


def run(plan: Plan, concerned: Collection[str] | None = None) -> list[str]:
    """Checks every planned file that one of `concerned` reads; all files where that is None.

    Returns what was checked; raises Failure with what every program said that refuses a file.
    """
    folder = plan.layout.run / "planned"
    checks = [
        check
        for check in _checks(plan, folder)
        if concerned is None or any(name in concerned for name in check.processes)
    ]
    if not checks:
        return []
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in plan.files.items():
        files.write(folder / name, text, 0o600)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda check: refusal(check, plan.layout.root), checks))
    lines = [
        line
        for check, said in zip(checks, answers, strict=True)
        if said is not None
        for line in (f"{check.what}:", *said)
    ]
    if lines:
        raise Failure("the configuration is refused", tail=lines)
    return [check.what for check in checks]


def refusal(check: Check, folder: Path) -> list[str] | None:
    """What the program of a check, run in `folder`, says where it refuses the file; else None."""
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


def _checks(plan: Plan, folder: Path) -> Iterator[Check]:
    toolbox, site = plan.toolbox, plan.site
    observability = plan.layout.root / processes.OBSERVABILITY
    yield gateway(toolbox, site, plan.layout.root, folder / "gateway.json")
    for name in (nginx.EDGE, nginx.SERVICES):
        words = list(plan.processes[name]["entrypoint"])
        words[words.index("-c") + 1] = str(folder / "nginx" / f"{name.removesuffix('-nginx')}.conf")
        yield Check(f"configuration of {name}", [name], [*words, "-t", "-q"])
    yield Check(
        "observability/prometheus",
        ["prometheus"],
        [str(toolbox.promtool), "check", "config", str(folder / "prometheus/prometheus.yml")],
    )
    alertmanager = str(observability / "alertmanager/alertmanager.yml")
    yield Check(
        "observability/alertmanager/alertmanager.yml",
        ["alertmanager"],
        [str(toolbox.amtool), "check-config", alertmanager],
    )
    for name, program, variables in (
        ("collector", toolbox.otelcol, environment.collector(site)),
        ("jaeger", toolbox.jaeger, environment.jaeger(site, plan.platform)),
    ):
        file = str(observability / name / f"{name}.yaml")
        command = [str(program), "validate", "--config", file]
        yield Check(f"observability/{name}/{name}.yaml", [name], command, variables)
    loki = [str(toolbox.loki), f"-config.file={observability / 'loki/loki.yaml'}", "-config.expand-env=true"]
    yield Check(
        "observability/loki/loki.yaml",
        ["loki"],
        [*loki, "-verify-config"],
        environment.loki(site, plan.platform),
    )
    yield Check(
        "configuration of logrotate",
        ["logrotate"],
        [str(toolbox.logrotate), "--debug", "--state", "/dev/null", str(folder / "logrotate.conf")],
    )


def gateway(toolbox: Toolbox, site: Site, root: Path, settings: Path) -> Check:
    """The gateway's own check of its routes, for the services that its `settings` have."""
    variables = environment.gateway(site) | {"GATEWAY_CONFIG": str(settings)}
    return Check(
        "gateway/routes.yaml",
        ["gateway"],
        [str(toolbox.python), "-m", "gateway", "--check"],
        variables | {"PYTHONPATH": str(root)},
    )
