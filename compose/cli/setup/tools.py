"""The Go tools, built from the modules that compose/tools pins."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compose.cli import cache
from compose.cli.setup import child
from compose.cli.setup.go import Go
from compose.cli.setup.stage import Note, Stage

_TIMEOUT_SECONDS = 40 * 60
_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
_PIN = re.compile(r"^(?:require|\t)?\s*(\S+) (v\d\S*)", re.MULTILINE)  # of a go.mod
_ENVIRONMENT = {
    "CGO_ENABLED": "0",  # no C compiler needed
    "GOTOOLCHAIN": "local",  # never another toolchain than the one that was checked
    "GOWORK": "off",
    "GOFLAGS": "",
}


@dataclass(frozen=True)
class Tool:
    """A program built from `<folder>/<name>` of the checkout. package: what to build there. variable: the Go
    variable that it is told its version by (see `version`), as its own makers do; none for some."""

    name: str
    package: str
    folder: str = "compose/tools"
    variable: str = ""


PROCESS_COMPOSE = Tool(
    "process-compose",
    "github.com/f1bonacc1/process-compose/src",
    variable="github.com/f1bonacc1/process-compose/src/config.Version",
)
OTELCOL = Tool("otelcol", ".", variable="main.sources")
JAEGER = Tool(
    "jaeger",
    "github.com/jaegertracing/jaeger/cmd/jaeger",
    variable="github.com/jaegertracing/jaeger/internal/version.latestVersion",
)
LOKI = Tool(
    "loki",
    "github.com/grafana/loki/v3/cmd/loki",
    variable="github.com/grafana/loki/v3/pkg/util/build.Version",
)
TOOLS = (PROCESS_COMPOSE, OTELCOL, JAEGER, LOKI)


LURA = Tool("lura", ".", "tests/bench/peers")
"""The API gateway that benchmarks compare ours with."""


def sources(root: Path, tool: Tool) -> Path:
    """The folder of the checkout `root` that pins the tool."""
    return root / tool.folder / tool.name


def binary(root: Path, tool: Tool) -> Path:
    """Where the tool of the checkout `root` belongs, built or not.

    The toolchain is not part of the name: an upgrade of Go makes no tool wrong, and building all anew takes a
    quarter of an hour.
    """
    flags = _flags(root, tool)
    name = cache.digest(_files(root, tool), tool.package, *flags, platform.system(), platform.machine())
    return cache.home() / f"{tool.name}-{name}" / tool.name


def version(root: Path, tool: Tool) -> str:
    """The tool's version: that of its module in go.mod; for a program of our own, a digest of its sources."""
    pins = _PIN.findall((sources(root, tool) / "go.mod").read_text())
    found = [pinned for module, pinned in pins if f"{tool.package}/".startswith(f"{module}/")]
    return found[0] if found else cache.digest(_files(root, tool))


def _files(root: Path, tool: Tool) -> list[Path]:
    return [
        file
        for file in sources(root, tool).rglob("*")
        if file.is_file() and not file.name.endswith("_test.go")  # what is tested is built without them
    ]


def _flags(root: Path, tool: Tool) -> list[str]:
    linked = f" -X {tool.variable}={version(root, tool)}" if tool.variable else ""
    return [*_FLAGS, "-ldflags", f"-s -w{linked}"]


class BuiltTool(Stage):
    """One tool is built."""

    def __init__(self, root: Path, tool: Tool, go: Go) -> None:
        self._root = root
        self._tool = tool
        self._go = go
        self.title = f"Go tool {tool.name}"

    def is_right(self) -> bool:
        return os.access(binary(self._root, self._tool), os.X_OK)

    def run(self, note: Note) -> None:
        target = binary(self._root, self._tool)
        with cache.locked(target.parent, note, _TIMEOUT_SECONDS):
            if self.is_right():
                return  # by the set-up that held the lock
            target.parent.mkdir(parents=True, exist_ok=True)
            half_made = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
            try:
                self._build(half_made / target.name, note)
                (half_made / target.name).replace(target)
            finally:
                shutil.rmtree(half_made, ignore_errors=True)

    def _build(self, output: Path, note: Note) -> None:
        compiled = 0

        def tell(line: str) -> None:
            nonlocal compiled
            if line.startswith("go: downloading "):
                note(line.removeprefix("go: "))
            elif line and " " not in line:  # -v prints the path of each package as it is compiled
                compiled += 1
                note(f"{compiled} packages compiled")

        child.run(
            [
                str(self._go.program(note)),
                *("build", "-v", *_flags(self._root, self._tool)),
                *("-o", str(output), self._tool.package),
            ],
            what=f"building {self._tool.name}",
            log=cache.log(self._tool.name),
            timeout_seconds=_TIMEOUT_SECONDS,
            environment=_ENVIRONMENT,
            folder=sources(self._root, self._tool),
            on_line=tell,
        )
