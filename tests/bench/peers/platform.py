"""Bring up an instance whose telemetry is not as compose/platform.yaml says.

`python -m tests.bench.peers.platform VARIANT INSTANCE`: `everything` stores all traces, `sampled` a tenth of
those without error or delay. `off` has no telemetry: no span, no log line below `error`, neither collector
nor stores. Its hops still count their requests, but no program reads the counts.
"""

from __future__ import annotations

import re
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from compose.cli import environment, nginx, processes
from compose.cli.catalog import Catalog
from compose.cli.commands import up as up_command
from compose.cli.layout import Layout
from compose.cli.log_levels import LogLevel, LogLevels
from compose.cli.main import ROOT
from compose.cli.platform import Platform
from compose.cli.process import Process
from compose.cli.processes import Processes
from compose.cli.sampling import Sampling, Shares
from compose.cli.site import Site

EVERYTHING, SAMPLED, OFF = "everything", "sampled", "off"
VARIANTS = (EVERYTHING, SAMPLED, OFF)
SHARE = 0.1
"""Of the traces that SAMPLED stores though nothing in them failed or was slow."""
_SILENT_SECONDS = 86400.0
_ACCESS_LOG = re.compile(r"^ *access_log (?!off;).*;\n", re.MULTILINE)


def without_access_logs(configuration: str) -> str:
    """The configuration of an nginx that writes neither spans nor access lines."""
    found = _ACCESS_LOG.search(configuration)
    assert found, "no access log"
    before, after = configuration[: found.start()], configuration[found.end() :]
    return f"{before}    access_log off;\n{_ACCESS_LOG.sub('', after)}"  # without one it writes its default


def _sample(sampling: Sampling) -> None:
    load = Platform.load

    def loaded(root: Path) -> Platform:
        return replace(load(root), sampling=sampling)

    Platform.load = loaded  # type: ignore[method-assign, assignment]


def _switch_off() -> None:
    render: Callable[..., str] = nginx._render

    def without_telemetry(site: Site, instance_id: str) -> environment.Environment:
        return {
            "NEXTPHASE_INSTANCE": site.instance,
            "SERVICE_INSTANCE_ID": instance_id,
            "OTEL_SDK_DISABLED": "true",
            "OTEL_JAVAAGENT_ENABLED": "false",
        }

    def none(_: Processes) -> Iterator[Process]:
        yield from ()

    environment.telemetry = without_telemetry
    nginx._render = lambda *args, **own: without_access_logs(render(*args, **own))
    processes._TELEMETRY = {}
    Processes._telemetry = none  # type: ignore[method-assign]


def up(variant: str, instance: str) -> int:
    """Bring an instance of this variant up, on a machine that has been made ready."""
    if variant == OFF:
        _switch_off()
    else:
        _sample(Sampling(Shares(tail=SHARE if variant == SAMPLED else 1)))
    code = up_command.run(ROOT, Namespace(instance=instance))
    if variant == OFF:
        _silence(Layout.open(ROOT, instance))
    return code


def _silence(layout: Layout) -> None:
    levels, until = LogLevels(layout), time.time() + _SILENT_SECONDS
    for hop in (*(service.name for service in Catalog.load(ROOT)), "gateway", "rio", "relay", "console"):
        levels.set(LogLevel(hop, "", "error", until))


if __name__ == "__main__":
    sys.exit(up(sys.argv[1], sys.argv[2]))
