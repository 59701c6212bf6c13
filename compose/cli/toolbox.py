"""Where the programs of an instance are."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compose.cli.errors import not_set_up
from compose.cli.setup import console, programs, tools, venv
from compose.cli.tool_selection import Selection, select_all


@dataclass(frozen=True)
class Toolbox:
    """The programs an instance runs; `postgres_bin` is the folder of PostgreSQL's, `console` that of the
    console's front end, built or not: `up` and `restart` build it when its sources have changed. The program
    of a store in whose place an existing one is used need not be there."""

    python: Path
    java: Path
    otelcol: Path
    jaeger: Path
    loki: Path
    process_compose: Path
    nginx: Path
    postgres_bin: Path
    rabbitmq_server: Path
    epmd: Path
    prometheus: Path
    promtool: Path
    alertmanager: Path
    amtool: Path
    logrotate: Path
    maven: Path
    console: Path

    @classmethod
    def locate(cls, root: Path) -> Toolbox:
        """The programs for the checkout `root`; raises Failure that names what is missing, Refused where
        compose/platform.yaml names a program that will not do."""
        selected = select_all(root)
        built = {tool.name.replace("-", "_"): _path(root, tool, selected) for tool in tools.TOOLS}
        jdk = programs.jdk()
        found: dict[str, Path | None] = {
            # A caller with a Python of its own (the tests of this folder) runs the instance with it.
            "python": venv.python(root) or Path(sys.executable),
            "java": jdk / "bin/java" if jdk else None,
            **built,
            "nginx": programs.find("nginx"),
            "postgres_bin": programs.postgres_bin(),
            "rabbitmq_server": programs.rabbitmq_server(),
            "epmd": programs.find("epmd"),
            "prometheus": programs.find("prometheus"),
            "promtool": programs.find("promtool"),
            "alertmanager": programs.find("prometheus-alertmanager"),
            "amtool": programs.find("amtool"),
            "logrotate": programs.find("logrotate"),
            "maven": programs.find("mvn"),
            "console": console.bundle(root),
        }
        located = {name: path for name, path in found.items() if path is not None}
        missing = sorted(found.keys() - located.keys())
        if missing:
            raise not_set_up(f"not found: {', '.join(missing)}")
        return cls(**located)


def _path(root: Path, tool: tools.Tool, selected: Mapping[tools.Tool, Selection]) -> Path | None:
    if tool not in selected:
        return tools.binary(root, tool)
    return selected[tool].path if selected[tool].path.exists() else None
