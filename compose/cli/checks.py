"""Holds what is planned against the programs that are going to read it, before anything is touched."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compose.cli import alertmanager, environment, files, nginx, validation
from compose.cli.errors import Failure
from compose.cli.generate import Plan
from compose.cli.site import Site
from compose.cli.toolbox import Toolbox
from compose.cli.validation import Check

_AT_ONCE = 4


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
        answers = list(pool.map(lambda check: validation.refusal(check, plan.layout.root), checks))
    lines = [
        line
        for check, said in zip(checks, answers, strict=True)
        if said is not None
        for line in (f"{check.what}:", *said)
    ]
    if lines:
        raise Failure("the configuration is refused", tail=lines)
    return [check.what for check in checks]


def _checks(plan: Plan, folder: Path) -> Iterator[Check]:
    toolbox, site = plan.toolbox, plan.site
    yield gateway(toolbox, site, plan.layout.root, folder / "gateway.json")
    for name in (nginx.EDGE, nginx.SERVICES):
        words = list(plan.processes[name]["entrypoint"])
        words[words.index("-c") + 1] = str(folder / "nginx" / f"{name.removesuffix('-nginx')}.conf")
        yield Check(f"configuration of {name}", [name], [*words, "-t", "-q"])
    yield Check(
        "observability/prometheus",
        ["prometheus"],
        [
            *(str(toolbox.promtool), "check", "config", *(["--agent"] if plan.stores.is_agent else [])),
            str(folder / "prometheus/prometheus.yml"),
        ],
    )
    yield Check(
        "observability/alertmanager/alertmanager.yml",
        ["alertmanager"],
        [str(toolbox.amtool), "check-config", str(folder / alertmanager.FILE)],
    )
    root, platform = plan.layout.root, plan.platform
    yield validation.collector(toolbox.otelcol, root, site, plan.platform, plan.stores)
    if plan.stores.runs("jaeger"):
        yield validation.jaeger(toolbox.jaeger, root, site, platform)
    if plan.stores.runs("loki"):
        yield validation.loki(toolbox.loki, root, site, platform)
    yield Check(
        "configuration of logrotate",
        ["logrotate"],
        [str(toolbox.logrotate), "--debug", "--state", "/dev/null", str(folder / "logrotate.conf")],
    )


def gateway(toolbox: Toolbox, site: Site, root: Path, settings: Path) -> Check:
    """The gateway's own check of its routes, for the services that its `settings` have."""
    variables = environment.telemetry(site, "gateway") | {"GATEWAY_CONFIG": str(settings)}
    return Check(
        "gateway/routes.yaml",
        ["gateway"],
        [str(toolbox.python), "-m", "gateway", "--check"],
        variables | {"PYTHONPATH": str(root)},
    )
