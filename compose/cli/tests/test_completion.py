"""Completion as people use it: a line is typed into a real shell, Tab is pressed, and then Enter."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import completion
from compose.cli.main import COMMANDS, ROOT, command_line

_DEADLINE_SECONDS = 120
_START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; "),
}


class Shell:
    """An interactive shell on a terminal, in which `nextphase` prints the arguments that it is given."""

    def __init__(self, shell: str, script: Path, home: Path) -> None:
        command, prepare = _START[shell]
        self._terminal, inside = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(
            command,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=environment,
            cwd=home,
            start_new_session=True,
        )
        os.close(inside)
        start = home / "start"
        start.write_text(
            f'{prepare}eval "$(cat {shlex.quote(str(script))})"\nnextphase() {{ printf "<%s>\\n" "$*"; }}\n'
        )
        self._write(f". {start}; nextphase is there\n")
        self._read_until("<is there>")

    def complete(self, line: str) -> str:
        """The arguments of the command that Tab makes of `line`."""
        self._write(f"nextphase {line}\t\n")
        return self._read_until(">").rpartition("<")[2].partition(">")[0].rstrip()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def _write(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read_until(self, end: str) -> str:
        text, deadline = "", time.monotonic() + _DEADLINE_SECONDS
        while end not in text:
            left = deadline - time.monotonic()
            assert left > 0, text
            if select.select([self._terminal], [], [], left)[0]:
                text += os.read(self._terminal, 4096).decode(errors="replace")
        return text


@pytest.fixture(scope="module", params=completion.SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    if shutil.which(request.param) is None:
        pytest.fail(f"{request.param} is not installed: ./nextphase test installs it")
    home = tmp_path_factory.mktemp(request.param)
    root = home / "it's a checkout"
    shutil.copytree(
        ROOT / "services", root / "services", ignore=shutil.ignore_patterns("target", "__pycache__")
    )
    shutil.copytree(ROOT / "observability/prometheus/rules", root / "observability/prometheus/rules")
    for instance in ("default", "staging"):
        (root / ".nextphase" / instance).mkdir(parents=True)
        (root / ".nextphase" / instance / "instance.json").write_text("{}")
    (root / ".nextphase/builds").mkdir()
    script = home / "script"
    script.write_text(completion.script(request.param, command_line(), root))
    opened = Shell(request.param, script, home)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("stat", "status"),
        ("down --pur", "down --purge"),
        ("find slow", "find slowest"),
        ("rio topo", "rio topology"),
        ("rio topology --format mer", "rio topology --format mermaid"),
        ("status --instance stag", "status --instance staging"),
        ("logs edge", "logs edge-nginx"),
        ("alerts silence HopD", "alerts silence HopDown"),
        ("drill stop-jae", "drill stop-jaeger"),
        ("drill al", "drill all"),
    ],
)
def test_a_word_is_completed(shell: Shell, typed: str, completed: str) -> None:
    assert shell.complete(typed) == completed


@pytest.mark.example
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("restart inv", "restart inventory"),
        ("outbox list acc", "outbox list accounts"),
        ("emit order.pl", "emit order.placed"),
        ("flows --flow or", "flows --flow order"),
    ],
)
def test_a_name_of_the_catalog_is_completed(shell: Shell, typed: str, completed: str) -> None:
    assert shell.complete(typed) == completed


def test_a_folder_of_state_that_is_no_instance_is_not_offered(shell: Shell) -> None:
    assert shell.complete("status --instance buil") == "status --instance buil"


@pytest.mark.parametrize("shell_name", completion.SHELLS)
def test_every_command_is_in_the_script(shell_name: str) -> None:
    script = completion.script(shell_name, command_line(), ROOT)
    assert [name for name in COMMANDS if f"_shtab_nextphase_{name}_" not in script] == []
