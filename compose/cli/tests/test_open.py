"""`nextphase open` as people use it: in a process of its own, on a desktop and without one."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli.layout import PORTS
from compose.cli.open_arguments import RIO_TABS

ROOT = Path(__file__).resolve().parents[3]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OFFSET = 6000
CONSOLE = f"http://127.0.0.1:{PORTS['console'] + OFFSET}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with an instance that was placed, and nothing set up."""
    folder = tmp_path_factory.mktemp("open") / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    for name in ("compose", "dashboards/generated", "observability/prometheus/rules"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for service in ("accounts", "orders"):
        (folder / "services" / service).mkdir(parents=True)
        (folder / "services" / service / "service.yaml").touch()
    for file in ("nextphase", "pyproject.toml"):
        shutil.copy(ROOT / file, folder)
    state = folder / ".nextphase" / "placed"
    state.mkdir(parents=True)
    (state / "instance.json").write_text(json.dumps({"offset": OFFSET}))
    return folder


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """A folder for the PATH: what a desktop opens addresses with, here writes them down."""
    for name in ("xdg-open", "open"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf %s "$1" > "{tmp_path}/shown"\n')
        program.chmod(0o755)
    return tmp_path


@pytest.fixture
def console() -> Iterator[None]:
    """Something that listens where the console does."""
    with socket.create_server(("127.0.0.1", PORTS["console"] + OFFSET)):
        yield


def open_(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    screen = ("DISPLAY", "WAYLAND_DISPLAY")
    inherited = {name: value for name, value in os.environ.items() if name not in screen}
    return subprocess.run(
        [sys.executable, str(checkout / "nextphase"), "open", *arguments, "--instance", "placed"],
        capture_output=True,
        text=True,
        env=inherited | environment,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], "/"),
        (["home"], "/"),
        (["trace", TRACE.upper()], f"/trace/{TRACE}"),
        (["dashboard", "gateway"], "/d/nextphase-gateway"),
        (["dashboard", "rio"], "/d/nextphase-rio"),
        (["dashboard", "orders"], "/d/nextphase-service?var-service=orders"),
        (
            ["dashboard", "relay", "--since", "6h"],
            "/d/nextphase-service?from=now-6h&to=now&var-service=relay",
        ),
        (["logs"], "/logs"),
        (["logs", "edge-nginx"], "/logs?query=%7Bservice_name%3D%22edge-nginx%22%7D"),
        (["logs", "console"], "/logs?query=%7Bservice_name%3D%22console%22%7D"),
        (["logs", '{level="error"}'], "/logs?query=%7Blevel%3D%22error%22%7D"),
        (["alerts"], "/alerts"),
        (["alerts", "HopDown"], "/alerts?alert=HopDown"),
        (["map"], "/map"),
        (["rio"], "/rio"),
        (["rio", "dead-letters"], "/rio/dead-letters"),
        (["api"], "/api"),
    ],
)
def test_without_a_screen_the_address_is_printed(checkout: Path, arguments: list[str], path: str) -> None:
    answer = open_(checkout, *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == f"{CONSOLE}{path}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dashbord"], "did you mean 'dashboard'?"),
        (["dashboard", "gatway"], "did you mean 'gateway'?"),
        (["dashboard"], "platform, postgresql, rabbitmq, rio"),
        (["logs", "order"], "did you mean 'orders'?"),
        (["alerts", "hopdown"], "no alert"),
        (["alerts", "HopDwn"], "did you mean 'HopDown'"),
        (["trace"], "32 hexadecimal digits"),
        (["trace", TRACE[1:]], "32 hexadecimal digits"),
        (["trace", f"{TRACE}?x"], "32 hexadecimal digits"),
        (["map", "orders"], "takes no name"),
        (["rio", "../x"], "no tab"),
        (["rio", "dead-leters"], "did you mean 'dead-letters'?"),
        (["map", "--since", "soon"], "no time"),
    ],
)
def test_what_is_not_there_is_wrong_usage(checkout: Path, arguments: list[str], said: str) -> None:
    answer = open_(checkout, *arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_tabs_of_rio_are_those_of_its_page() -> None:
    page = (ROOT / "observability/console/web/src/rio/rio-page.tsx").read_text()
    (listed,) = re.findall(r"const TABS = \[(.*?)\n\] as const", page, re.DOTALL)
    assert re.findall(r'\["([a-z-]+)",', listed) == list(RIO_TABS)


def test_on_a_desktop_the_page_is_opened(checkout: Path, browser: Path, console: None) -> None:
    answer = open_(checkout, "trace", TRACE, DISPLAY=":0", PATH=f"{browser}:{os.environ['PATH']}")
    assert (answer.returncode, answer.stdout) == (0, f"{CONSOLE}/trace/{TRACE}\n")
    assert (browser / "shown").read_text() == f"{CONSOLE}/trace/{TRACE}"


def test_it_can_be_printed_only(checkout: Path, browser: Path, console: None) -> None:
    answer = open_(checkout, "map", "--print", DISPLAY=":0", PATH=f"{browser}:{os.environ['PATH']}")
    assert (answer.returncode, answer.stdout) == (0, f"{CONSOLE}/map\n")
    assert not (browser / "shown").exists()


def test_a_console_that_is_away_is_said_and_not_opened(checkout: Path, browser: Path) -> None:
    answer = open_(checkout, "map", WAYLAND_DISPLAY="wayland-0", PATH=f"{browser}:{os.environ['PATH']}")
    assert (answer.returncode, answer.stdout) == (1, f"{CONSOLE}/map\n")
    assert "./nextphase status --instance placed" in answer.stderr
    assert not (browser / "shown").exists()


def test_a_desktop_that_cannot_open_it_is_said(checkout: Path, browser: Path, console: None) -> None:
    for name in ("xdg-open", "open"):
        (browser / name).write_text("#!/bin/sh\nexit 3\n")
    answer = open_(checkout, "map", DISPLAY=":0", PATH=f"{browser}:{os.environ['PATH']}")
    assert (answer.returncode, answer.stdout) == (1, f"{CONSOLE}/map\n")
    assert "exit code 3" in answer.stderr


def test_a_desktop_without_an_opener_is_said(checkout: Path, tmp_path: Path, console: None) -> None:
    answer = open_(checkout, "map", DISPLAY=":0", PATH=str(tmp_path))
    assert (answer.returncode, answer.stdout) == (1, f"{CONSOLE}/map\n")
    assert "xdg-open" in answer.stderr
