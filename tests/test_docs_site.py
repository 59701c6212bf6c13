"""The documents build as a site: every page is in its navigation, every link and anchor leads somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from compose.cli.layout import PORTS
from compose.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_documents_from_outside_docs_are_pages(site: Path) -> None:
    assert 'href="operate/#alerts"' in (site / "index.html").read_text()
    assert 'href="../operate/' in (site / "contributing/index.html").read_text()


def test_a_file_that_is_no_document_is_named_without_a_link(site: Path) -> None:
    text = (site / "dependencies/index.html").read_text()
    assert "<code>NOTICE</code>" in text
    assert "NOTICE" not in re.findall(r'href="([^"]*)"', text)


def test_every_command_and_port_is_in_the_reference(site: Path) -> None:
    commands = (site / "reference/commands/index.html").read_text()
    assert [name for name in COMMANDS if f'<h2 id="{name}"' not in commands] == []
    ports = (site / "reference/ports/index.html").read_text()
    assert [name for name, port in PORTS.items() if f"<td>{port}</td>" not in ports] == []
