"""An instance whose Prometheus is an existing one, which has what a test says it measured."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from compose.cli import platform
from compose.cli.layout import Layout
from compose.cli.toolbox import Toolbox
from tests.config.programs import OBSERVABILITY, Program
from tests.ports import free_port

ROOT = OBSERVABILITY.parent


def name_store(folder: Path, store: str) -> None:
    """Give a checkout the platform's settings, and in them an existing store: a line of `telemetry`."""
    (folder / "compose").mkdir()
    shutil.copy(ROOT / platform.SCHEMA, folder / platform.SCHEMA)
    settings = (ROOT / platform.FILE).read_text().partition("\ntelemetry:")[0]
    (folder / platform.FILE).write_text(f"{settings}\ntelemetry:\n  {store}\n")


@contextmanager
def backfilled(toolbox: Toolbox, folder: Path, samples: Iterable[str]) -> Iterator[Layout]:
    """samples: lines of OpenMetrics with timestamps, without the last one."""
    (folder / "metrics").write_text("\n".join([*samples, "# EOF", ""]))
    made = ["tsdb", "create-blocks-from", "openmetrics", str(folder / "metrics"), str(folder / "data")]
    subprocess.run([toolbox.promtool, *made], check=True, capture_output=True, timeout=300)
    url = f"http://127.0.0.1:{free_port()}"
    (folder / "prometheus.yml").write_text("global: {}\n")
    command = [
        str(toolbox.prometheus),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    program = Program(command, {}, f"{url}/-/ready", folder / "prometheus.log")
    (folder / "observability").mkdir()
    name_store(folder, f"prometheus: {{url: '{url}', remote_write_url: '{url}'}}")
    try:
        program.start()
        yield Layout(folder, "default", 0)
    finally:
        program.kill()
