"""A program that the set-up runs: its output kept in a log, its end awaited, its failure told."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from compose.cli import hints
from compose.cli.errors import Failure, tail

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 60.0  # dpkg is not to be cut short


def run(
    command: Sequence[str],
    *,
    what: str,
    log: Path,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    on_line: Callable[[str], None] = lambda line: None,
    privileged: bool = False,
) -> None:
    """Runs `command` and appends what it prints to `log`; raises Failure, which says that `what` failed.

    environment: variables beside the caller's own. on_line: called with every line. privileged: it runs as
    root through sudo: it stays in our process group, so that the terminal's Ctrl-C reaches it, because we may
    not signal it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.write(f"\n$ {shlex.join(command)}\n".encode())
        file.flush()
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                process_group=None if privileged else 0,
            )
        except OSError as error:
            raise Failure(f"{what} failed: {command[0]}: {error.strerror}", log=log) from error
        with _ended_with_us(child):
            for line in _lines(child, file, time.monotonic() + timeout_seconds):
                on_line(line)
            code = child.wait(_GRACE_SECONDS)
    if code != 0:
        reason = f"exit code {code}" if code > 0 else signal.Signals(-code).name
        raise Failure(f"{what} failed ({reason})", tail=tail(log), log=log, advice=_again())


def _again() -> str:
    return f"When that is put right, {hints.set_up()} goes on from there."


def _lines(child: subprocess.Popen[bytes], log: BinaryIO, deadline: float) -> Iterator[str]:
    assert child.stdout is not None  # noqa: S101 - it is a pipe, for the type checker
    pipe = child.stdout.fileno()
    rest = b""
    while True:
        if time.monotonic() > deadline:
            raise Failure(
                f"{shlex.join(child.args)[:80]} takes too long",  # type: ignore[arg-type]
                tail=tail(Path(log.name)),
                log=Path(log.name),
                advice=_again(),
            )
        if not select.select([pipe], [], [], _POLL_SECONDS)[0]:
            if child.poll() is None:
                continue
            return  # ended; what still holds the pipe is none of ours
        chunk = os.read(pipe, 65536)
        if not chunk:
            return
        log.write(chunk)
        log.flush()
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")


@contextlib.contextmanager
def _ended_with_us(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """The child and what it started do not outlive the block, however it is left."""
    try:
        with child:
            try:
                yield
            finally:
                if child.poll() is None:
                    _end(child)
    finally:
        child.poll()


def _end(child: subprocess.Popen[bytes]) -> None:
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            if os.getpgid(child.pid) == child.pid:
                os.killpg(child.pid, signum)
            else:
                child.send_signal(signum)
        except (ProcessLookupError, PermissionError):
            pass  # gone, or root's: then it has got the terminal's signal itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
            return
