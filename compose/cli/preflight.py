"""Checks that an instance can start, before anything is built. Standard library only."""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Mapping
from pathlib import Path

from compose.cli import hints, proc
from compose.cli.errors import Failure
from compose.cli.layout import DEFAULT, PORTS, STATE, Layout
from compose.cli.supervisor import MARK, Supervisor

REPLACEABLE = ("jaeger", "loki", "alertmanager")
"""Stores whose ports an existing one may hold that compose/platform.yaml names in their place. Whether it
does is known once the settings can be read: `up` looks at these ports, too, before it starts anything."""

_SHOWN_CHARACTERS = 60


def check(root: Path, instance: str) -> None:
    """Refuse what an instance cannot start beside.

    Raises:
        Failure: the state belongs to another user or is closed to this one, or a port is taken.
    """
    _check_state(root, instance)
    if instance in Layout.existing(root) and Supervisor(Layout.open(root, instance)).everything():
        return  # the instance's own processes hold its ports
    refuse_taken(fixed_ports(root, instance))


def fixed_ports(root: Path, instance: str, replaced: Collection[str] = REPLACEABLE) -> dict[int, str]:
    """The ports that an instance takes whatever its catalog says, each with what is to listen there.

    Empty for a new instance other than the default one, which chooses free ports. replaced: stores that are
    not to be started; those that may not be, while the settings are not known.
    """
    ports: Mapping[str, int] = PORTS if instance == DEFAULT else {}
    if instance in Layout.existing(root):
        ports = Layout.open(root, instance).ports
    return {port: name for name, port in ports.items() if name.partition("-")[0] not in replaced}


def refuse_taken(wanted: Mapping[int, str]) -> None:
    """Raise Failure when a process listens on one of the ports; `wanted` says what each is for."""
    taken = taken_ports(wanted)
    if taken:
        raise Failure(
            "ports that this instance needs are taken",
            tail=[f"{port} ({wanted[port]}): {holder}" for port, holder in taken.items()],
            advice="End what holds them, or start another instance: ./nextphase up --instance other",
        )


def taken_ports(wanted: Mapping[int, str]) -> dict[int, str]:
    """The ports of `wanted` that a process listens on, in order, each with a description of that process."""
    return {port: _describe(holder) for port, holder in sorted(proc.holders(wanted).items())}


def _describe(holder: proc.Holder) -> str:
    if holder.pid == 0:
        return f"a process of user {_user(holder.uid)}"
    shown = f"pid {holder.pid}, {proc.command_line(holder.pid)[:_SHOWN_CHARACTERS]}"
    state = proc.environment(holder.pid).get(MARK)
    if state is None:
        return shown
    return f"{shown}, of instance {Path(state).name} of the checkout {proc.working_folder(holder.pid)}"


def _check_state(root: Path, instance: str) -> None:
    """Refuse a state folder that this user may not use; what does not exist yet is made later."""
    me = os.geteuid()
    home = root / STATE
    for folder in (home, home / instance):
        try:
            os.listdir(folder)
            owner = folder.stat().st_uid
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise Failure(
                f"{error.filename} cannot be read by user {_user(me)}",
                advice="Run this as the user who started the instance, or start from a clone of your own",
            ) from error
        if folder != home and owner != me:
            raise Failure(
                f"instance {instance} of this checkout belongs to user {_user(owner)}; you are {_user(me)}",
                advice=f"Run {hints.set_up()} as {_user(owner)}, or start from a clone of your own",
            )
    if not os.access(home if home.exists() else root, os.W_OK):
        raise Failure(
            f"{home} cannot be written by user {_user(me)}", advice="Start from a clone of your own"
        )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
