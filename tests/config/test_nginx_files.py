"""What of nginx's files the collector has not read is measured; what rotation removes unread is counted."""

import json
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compose.cli import nginx
from compose.cli.layout import Layout
from compose.cli.site import Site
from compose.cli.toolbox import Toolbox
from tests.config.programs import Pipeline
from tests.conftest import eventually

pytestmark = pytest.mark.config


class AccessFile:
    """A file as nginx writes it, and its rotation by logrotate, as configured but for the size."""

    def __init__(self, pipeline: Pipeline, toolbox: Toolbox, folder: Path) -> None:
        self.name = f"test{secrets.token_hex(4)}-access"
        self.path = pipeline.nginx_logs / f"{self.name}.json"
        self._pipeline = pipeline
        self._configuration = folder / "logrotate.conf"
        site = replace(Site.native(Layout(folder, "test", 0)), logs=pipeline.nginx_logs.parent)
        text = nginx.rotation(site).replace(f"{site.nginx_logs}/*.json", str(self.path))
        self._configuration.write_text(re.sub(r"size \d+M", "size 1", text))
        self._command = [toolbox.logrotate, "--state", folder / "state", self._configuration]

    def write(self, lines: int) -> int:
        """Append lines; their bytes."""
        text = "".join(
            json.dumps({"service": self.name, "message": secrets.token_hex(500)}) + "\n" for _ in range(lines)
        )
        with self.path.open("a") as file:
            file.write(text)
        return len(text)

    def rotate(self) -> None:
        subprocess.run(self._command, check=True, timeout=60)

    def unread(self) -> int:
        return self._pipeline.count("otelcol_filebacklog_unread_bytes", f'file="{self.name}"')

    def lost(self) -> int:
        return self._pipeline.count("otelcol_filebacklog_lost_bytes_total", f'file="{self.name}"')

    def stored(self) -> int:
        return len(self._pipeline.lines(f'{{service_name="{self.name}"}}'))


@pytest.fixture
def access(pipeline: Pipeline, toolbox: Toolbox, tmp_path: Path) -> Iterator[AccessFile]:
    yield AccessFile(pipeline, toolbox, tmp_path)
    if pipeline.collector.process is None:
        pipeline.collector.start()


def check(found: object, expected: object) -> None:
    assert found == expected


def test_what_is_read_is_no_backlog_and_its_rotation_no_loss(access: AccessFile) -> None:
    for count in range(1, 8):  # logrotate keeps fewer
        access.write(10)
        eventually(lambda: check(access.stored(), 10 * count))  # noqa: B023 - done within the loop
        access.rotate()
    assert not access.path.with_name(f"{access.path.name}.6").exists()
    eventually(lambda: check((access.unread(), access.lost()), (0, 0)))


def test_what_rotation_removes_while_the_collector_is_away_is_counted(
    access: AccessFile, pipeline: Pipeline
) -> None:
    access.write(100)
    eventually(lambda: check((access.stored(), access.unread()), (100, 0)))
    pipeline.collector.stop()
    written = access.write(50)
    for _ in range(5):
        access.rotate()
        written += access.write(10)
    access.rotate()  # logrotate keeps four of these six files
    pipeline.collector.start()
    eventually(lambda: check((access.stored(), access.unread()), (140, 0)))
    assert access.lost() == written * 60 // 100
    pipeline.collector.stop()
    pipeline.collector.start()
    eventually(lambda: check((access.unread(), access.lost()), (0, 0)))  # it is counted once
