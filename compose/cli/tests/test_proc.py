"""Processes as the kernel tells of them, against real ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from compose.cli import proc


def test_a_tree_holds_the_descendants() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        grandchild = int(parent.stdout.readline())
        pids = {process.pid for process in proc.Table().tree(os.getpid())}
        assert {os.getpid(), parent.pid, grandchild} <= pids
        os.kill(grandchild, 15)


def test_a_process_that_waits_to_be_reaped_is_not_alive() -> None:
    child = subprocess.Popen(["sleep", "60"])
    (process,) = proc.Table().tree(child.pid)
    assert process.is_alive
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_alive
    child.wait()


def test_a_name_with_parentheses_and_blanks_is_read() -> None:
    code = (
        "import ctypes, time; ctypes.CDLL(None).prctl(15, b') R 1 ('); print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        (process,) = proc.Table().tree(child.pid)
        child.kill()
    assert process.parent == os.getpid()


def test_memory_is_what_a_process_has_resident() -> None:
    megabytes = 64
    code = (
        f"import sys; print(1, flush=True); sys.stdin.readline(); kept = b'x' * {megabytes} * 1024 * 1024\n"
        "print(2, flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        before = proc.memory(child.pid).own
        child.stdin.write(b"\n")
        child.stdout.readline()
        grown = proc.memory(child.pid).own - before
        child.stdin.write(b"\n")
    # What it shares with other processes counts by its part, which changes as they come and go.
    assert before > 1024 * 1024
    assert megabytes * 0.75 < grown / 1024**2 < megabytes * 1.25


def test_mapped_files_are_told_from_memory_that_counts(tmp_path: Path) -> None:
    megabytes = 64
    file = tmp_path / "data"
    file.write_bytes(os.urandom(megabytes * 1024**2))
    code = (
        "import mmap, sys; print(1, flush=True); sys.stdin.readline()\n"
        f"file = open({str(file)!r}, 'rb'); data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "data.find(b'a' * 99)\n"
        "print(2, flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        before = proc.memory(child.pid)
        child.stdin.write(b"\n")
        child.stdout.readline()
        after = proc.memory(child.pid)
        child.stdin.write(b"\n")
    assert megabytes * 0.75 < (after.mapped_files - before.mapped_files) / 1024**2 < megabytes * 1.25
    assert (after.own - before.own) / 1024**2 < megabytes * 0.25
    assert after.resident == after.own + after.mapped_files


def test_environment_and_command_line_of_a_process() -> None:
    command, environment = ["sh", "-c", "echo; read end", "named"], {"NAME": "a=b"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, executable="/bin/sh"
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert proc.command_line(child.pid) == " ".join(command)
        assert proc.environment(child.pid) == environment


def test_what_is_gone_has_nothing() -> None:
    assert proc.memory(2**22 + 1) == proc.Memory()
    assert proc.environment(2**22 + 1) == {}
    assert proc.command_line(2**22 + 1) == ""
    assert proc.sockets(2**22 + 1) == set()


def test_the_holder_of_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert proc.holders([port]) == {port: proc.Holder(os.getpid(), os.geteuid())}
    assert port not in proc.holders([port])
