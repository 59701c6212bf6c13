"""Completion of the command line in bash and zsh: a script that the shell reads once.

shtab writes it from the parser, so that a completion starts no Python. Names of the checkout are in the
script as they are when it is made; instances come and go, so the shell looks for them each time.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import shtab

from compose.cli import names
from compose.cli.catalog import Catalog
from compose.cli.drill_arguments import ALL
from compose.cli.drills.registry import DRILLS
from compose.cli.layout import STATE

SHELLS = ("bash", "zsh")

_SERVICE, _HOP, _ALERT, _TYPE, _FLOW, _DRILL, _INSTANCE = (
    f"_nextphase_{noun}" for noun in ("services", "hops", "alerts", "types", "flows", "drills", "instances")
)
_INSTANCES = {
    "bash": "cd -- {} 2>/dev/null && "
    """compgen -W "$(compgen -G '*/instance.json' | sed 's|/.*||')" -- "$1\"""",
    "zsh": "compadd -- {}/*/instance.json(N:h:t)",
}
"""Bodies of the shell function that lists the instances in a folder of state."""

_COMPLETED = {
    ("logs", "name"): _HOP,
    ("restart", "name"): _HOP,
    ("loglevel", "hop"): _HOP,
    ("find", "hop"): _HOP,
    ("outbox", "service"): _SERVICE,
    ("silence", "name"): _ALERT,
    ("silence", "service"): _HOP,
    ("emit", "type"): _TYPE,
    ("tail", "type"): _TYPE,
    ("dead", "type"): _TYPE,
    ("replay", "types"): _TYPE,
    ("topology", "type"): _TYPE,
    ("events", "types"): _TYPE,
    ("flows", "flow"): _FLOW,
    ("drill", "names"): _DRILL,
}
"""Shell functions that complete an argument, by its command's name and its own in the parsed arguments."""


def script(shell: str, parser: argparse.ArgumentParser, root: Path) -> str:
    """The completion of `parser` for a shell of SHELLS, with the names of the checkout `root`."""
    for command, action in _actions("", parser):
        function = _INSTANCE if action.dest == "instance" else _COMPLETED.get((command, action.dest))
        if function is not None:
            action.complete = dict.fromkeys(SHELLS, function)  # type: ignore[attr-defined]
    preamble = "\n\n".join(_functions(shell, root))
    return shtab.complete(parser, shell, preamble=preamble)


def _actions(command: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of a command and of the commands below it."""
    for action in parser._actions:
        yield command, action
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _actions(name, below)


def _functions(shell: str, root: Path) -> Iterator[str]:
    catalog = Catalog.load(root)
    words = {
        _SERVICE: [service.name for service in catalog],
        _HOP: names.hops(root),
        _ALERT: sorted(names.alerts(root)),
        _TYPE: sorted({event_type for service in catalog for event_type in service.emits}),
        _FLOW: sorted(rule.name for service in catalog for rule in service.flows),
        _DRILL: [*DRILLS, ALL],
    }
    for function, known in words.items():
        yield _function(function, _offer(shell, known))
    yield _function(_INSTANCE, _INSTANCES[shell].format(shlex.quote(str(root / STATE))))


def _offer(shell: str, known: Sequence[str]) -> str:
    joined = " ".join(map(shlex.quote, known))
    return f'compgen -W {shlex.quote(joined)} -- "$1"' if shell == "bash" else f"compadd -- {joined}"


def _function(name: str, body: str) -> str:
    return f"{name}() {{\n  {body}\n}}"
