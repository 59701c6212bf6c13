"""`nextphase status`: every process of an instance, as it is now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from compose.cli import hints, proc
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.progress import duration
from compose.cli.supervisor import FAILED, Process, Supervisor

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """A process, the ports it and its children listen on, and the memory they have resident."""

    process: Process
    ports: Sequence[int]
    memory: proc.Memory


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints the status; returns 0 when the instance is up and every process of it is right."""
    supervisor = Supervisor(layout)
    table, listening = proc.Table(), proc.listening()
    rows = [_row(process, table, listening) for process in supervisor.list()]
    pid = supervisor.pid
    own = proc.memory(pid) if pid else proc.Memory()
    total = sum((row.memory for row in rows), own)
    if args.json:
        print(json.dumps(_document(layout, rows, pid, own, total), indent=2))
    elif rows:
        _show(rows, own, total)
        print(f"\nconsole: {Links.of(layout).home()}")
    else:
        print(f"instance {layout.instance} does not run: {hints.set_up()}")
    return 0 if rows and all(row.process.is_right for row in rows) else 1


def _row(process: Process, table: proc.Table, listening: dict[int, set[str]]) -> Row:
    pids = [member.pid for member in table.tree(process.pid)] if process.pid else []
    held = {inode for pid in pids for inode in proc.sockets(pid)}
    ports = sorted(port for port, inodes in listening.items() if inodes & held)
    return Row(process, ports, sum(map(proc.memory, pids), proc.Memory()))


def _document(
    layout: Layout, rows: Sequence[Row], pid: int, own: proc.Memory, total: proc.Memory
) -> dict[str, object]:
    return {
        "instance": layout.instance,
        "up": bool(rows) and all(row.process.is_right for row in rows),
        **_bytes(total),
        "supervisor": {"pid": pid, **_bytes(own)},
        "processes": [
            {
                "name": row.process.name,
                "state": row.process.state,
                "ready": row.process.is_right,
                "pid": row.process.pid,
                "ports": row.ports,
                **_bytes(row.memory),
                "uptime_seconds": round(row.process.age_seconds, 1),
                "restarts": row.process.restarts,
                "exit_code": row.process.exit_code,
            }
            for row in rows
        ],
    }


def _bytes(memory: proc.Memory) -> dict[str, int]:
    """Memory that counts, and pages of mapped files, which the kernel drops when it needs the room."""
    return {"memory_bytes": memory.own, "mapped_file_bytes": memory.mapped_files}


def _show(rows: Sequence[Row], own: proc.Memory, total: proc.Memory) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("process", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("ports", overflow="fold")
    for column in ("pid", "memory", "mapped", "up", "restarts"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        process = row.process
        runs = process.pid > 0
        table.add_row(
            process.name,
            f"[{_colour(process)}]{process.state}[/]",
            " ".join(map(str, row.ports)),
            str(process.pid) if runs else "",
            _mebibytes(row.memory.own) if runs else "",
            _mebibytes(row.memory.mapped_files) if runs else "",
            duration(process.age_seconds) if runs else "",
            str(process.restarts) if process.restarts else "",
        )
    for name, memory in (("[dim]supervisor", own), ("[bold]all", total)):
        table.add_row(name, "", "", "", _mebibytes(memory.own), _mebibytes(memory.mapped_files), "", "")
    Console().print(table)


def _colour(process: Process) -> str:
    if process.is_right:
        return "green"
    return "red" if process.state == FAILED else "yellow"


def _mebibytes(size: int) -> str:
    return f"{size / _MEBIBYTE:.0f} MiB"
