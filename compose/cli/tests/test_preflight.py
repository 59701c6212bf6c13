"""An obstacle to an instance's start is named before anything is built."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import preflight
from compose.cli.errors import Failure
from compose.cli.supervisor import MARK

ROOT = Path(__file__).resolve().parents[3]
LISTEN = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
input()
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass through, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_port_of_another_checkout_is_named_as_such(tmp_path: Path) -> None:
    environment = {**os.environ, MARK: str(tmp_path / ".nextphase/staging")}
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as listener:
        assert listener.stdout
        port = int(listener.stdout.readline())
        with pytest.raises(Failure) as refused:
            preflight.refuse_taken({port: "loki"})
        listener.kill()
    (line,) = refused.value.tail
    assert line.startswith(f"{port} (loki): pid {listener.pid}, ")
    assert line.endswith(f"of instance staging of the checkout {tmp_path}")


def test_a_free_port_is_no_obstacle() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    preflight.refuse_taken({port: "loki"})


def test_a_state_of_another_user_is_named_before_anything_is_built(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    (tmp_path / ".nextphase/default").mkdir(parents=True)
    os.chown(tmp_path / ".nextphase/default", 65534, 65534)
    with pytest.raises(Failure, match="belongs to user nobody; you are root"):
        preflight.check(tmp_path, "default")


def test_a_state_that_cannot_be_read_is_named_before_anything_is_built(open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    checkout = open_folder / "checkout"
    shutil.copytree(
        ROOT / "compose", checkout / "compose", ignore=shutil.ignore_patterns("__pycache__", "tests")
    )
    shutil.copytree(ROOT / "requirements", checkout / "requirements")
    for file in ("nextphase", "pyproject.toml"):
        shutil.copy(ROOT / file, checkout)
    (checkout / ".nextphase").mkdir(mode=0o700)
    answer = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", str(checkout / "nextphase"), "up"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(open_folder / "cache")},
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert "cannot be read by user nobody" in answer.stderr
    assert "Debian packages" not in answer.stderr
