"""The command line: what was asked, in which Python it runs, how it ends. Standard library only."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.cli import (
    alerts_arguments,
    demo_arguments,
    drill_arguments,
    durations,
    events_arguments,
    find_arguments,
    flows_arguments,
    hints,
    loglevel_arguments,
    open_arguments,
    operate,
    preflight,
    rio_arguments,
)
from compose.cli.errors import Failure, not_set_up
from compose.cli.layout import DEFAULT, STATE, Layout, LayoutError
from compose.cli.setup import prepare, stages, venv
from compose.cli.version import version

ROOT = Path(__file__).resolve().parents[2]
STARTED = "NEXTPHASE_STARTED"
"""Variable that tells the second half of `up`, in the environment's Python, when the first began."""

INTERRUPTED, BROKEN_PIPE = 128 + signal.SIGINT, 128 + signal.SIGPIPE
_INSTANCE = re.compile(r"[a-z][a-z0-9-]{0,19}")


@dataclass(frozen=True)
class Command:
    """sets_up: it makes the machine ready first. in_environment: it needs the installed Python packages.
    of_instance: it is about an instance that exists, `run(layout, args)`; others are `run(root, args)`.
    testing: with what only tests and benchmarks need."""

    summary: str
    sets_up: bool = False
    in_environment: bool = False
    of_instance: bool = True
    testing: bool = False


COMMANDS = {
    "up": Command(
        "install and build what is missing, start everything, wait until it is ready", True, True, False
    ),
    "down": Command("stop everything"),
    "status": Command(
        "show every process: readiness, ports, memory (own, and of mapped files)", in_environment=True
    ),
    "logs": Command("show the log of a process"),
    "loglevel": Command("show or change which loggers write, while their hops run", in_environment=True),
    "reload": Command("have the gateway read its routes again, if they are right", in_environment=True),
    "check": Command(
        "hold every file against the programs that read it, and change nothing", in_environment=True
    ),
    "restart": Command("replace the processes of NAME by new ones, without an outage", in_environment=True),
    "demo": Command("send real requests through the edge: some orders, or a steady mix", in_environment=True),
    "console": Command("print the console's address, or one that lets a browser act", in_environment=True),
    "trace": Command("show a trace, hop by hop, with its log lines", in_environment=True),
    "find": Command("find traces by hop, route, status, duration or log text", in_environment=True),
    "alerts": Command("show what fires, why and what to do; silence it", in_environment=True),
    "map": Command("show which hop calls which, and what the catalog does not allow", in_environment=True),
    "audit": Command("show whether every part tells what the contract says", in_environment=True),
    "slo": Command(
        "show how well each objective is kept, and what is left of its budget", in_environment=True
    ),
    "flows": Command("show which flows of events are open or stuck", in_environment=True),
    "drill": Command("break the instance for real, and see that its alerts tell of it", in_environment=True),
    "open": Command("print the address of a page of the console, and open it"),
    "emit": Command("put one event into Rio", in_environment=True),
    "tail": Command("show events as they pass through Rio", in_environment=True),
    "rio": Command("look at Rio's work and put it right", in_environment=True),
    "outbox": Command(
        "look at events that Rio refused of a service, retry or discard them", in_environment=True
    ),
    "token": Command("print an access token for the public API", in_environment=True),
    "containers": Command(
        "make compose/docker-compose.yaml from the catalog", in_environment=True, of_instance=False
    ),
    "doctor": Command("say what is missing or wrong on this machine, and what to do", of_instance=False),
    "completion": Command(
        "print what a shell reads to complete commands, options and names",
        in_environment=True,
        of_instance=False,
    ),
    "events": Command(
        "write typed models of the catalog's event types in Python, Java or TypeScript",
        in_environment=True,
        of_instance=False,
        testing=True,
    ),
    "sbom": Command(
        "print the software bill of materials: what an instance runs, in CycloneDX's format",
        in_environment=True,
        of_instance=False,
    ),
    "dashboards": Command("write the dashboards' JSON", in_environment=True, of_instance=False),
    "pictures": Command("take the documents' pictures of the console", in_environment=True, testing=True),
    "test": Command("set up and run every check and test", True, True, False, testing=True),
    "bench": Command("measure a part beside its peers, on one core", True, True, False, testing=True),
}

_JSON = (
    "status",
    "doctor",
    "demo",
    "console",
    "trace",
    "find",
    "loglevel",
    "map",
    "audit",
    "slo",
    "flows",
    "drill",
    "emit",
    "tail",
    "outbox",
    "bench",
)
"""Commands that print JSON on request; `alerts` and those of `rio` do, too."""

_SETTLE = {
    "demo": demo_arguments.settle,
    "drill": drill_arguments.settle,
    "find": find_arguments.settle,
    "alerts": alerts_arguments.settle,
    "loglevel": loglevel_arguments.settle,
}
"""Functions that set a command's defaults and check its arguments against each other."""

_EPILOG = f"""\
Start with:      ./nextphase up
then try:        ./nextphase demo

An instance is one running copy of the platform, with its own ports and its own state
under .nextphase/<instance>/. Set NEXTPHASE_INSTANCE to name another default than "default".

Common options of the commands (nextphase COMMAND --help has them all):
  --instance NAME   which instance, before or after the command
  --json            print JSON ({", ".join((*_JSON, "alerts", "rio"))})
  -h, --help        what the command does and takes
Set NO_COLOR to have no colour.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command that `arguments` ask for; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        args = parse(arguments)
        hints.choose_instance(None if args.instance == DEFAULT else args.instance)
        return _run(args, arguments)
    except Failure as failure:
        print(failure.text(), file=sys.stderr)
        return failure.exit_code
    except LayoutError as error:
        print(f"nextphase: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nnextphase: interrupted; {hints.set_up()} goes on from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone, as `head` does. Python must not find that out again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        print(f"nextphase: unexpected {type(error).__name__}: {error}", file=sys.stderr)
        print(f"The stack trace is in {_keep_trace()}", file=sys.stderr)
        return 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments, checked; ends the process with code 2 and a usage message when they are wrong."""
    parser, commands = _parsers()
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(2)
    args: argparse.Namespace
    args, rest = parser.parse_known_args(arguments)
    if args.command == "test":
        args.pytest = rest[1:] if rest[:1] == ["--"] else rest
    elif not rest and args.command in _SETTLE and (wrong := _SETTLE[args.command](args)):
        commands[args.command].error(wrong)
    elif rest:
        parser.error(
            f"unrecognized arguments: {' '.join(rest)}{_close_option(commands[args.command], rest[0])}"
        )
    return args


def command_line() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    return _parsers()[0]


class _Parser(argparse.ArgumentParser):
    """Takes options between positional arguments, and names what a mistyped word is close to."""

    _is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        words = sys.argv[1:] if args is None else list(args)
        positional = self._get_positional_actions()
        has_commands = any(action.nargs == argparse.PARSER for action in positional)
        # What follows `--` is positional; argparse loses that between the two passes of its mixed parsing.
        if self._is_mixing or has_commands or "--" in words:
            return super().parse_known_args(words, namespace)
        if positional:
            self._refuse_unknown_option(words)
        self._is_mixing = True
        try:
            return self.parse_known_intermixed_args(words, namespace)
        finally:
            self._is_mixing = False

    def _refuse_unknown_option(self, words: Sequence[str]) -> None:
        """End the process where an option is mistyped: its value would be taken for another argument."""
        known = self._option_string_actions
        for word in words:
            if word.startswith("--") and word.partition("=")[0] not in known:
                self.error(f"unrecognized arguments: {word}{_close_option(self, word)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            close = hints.suggestion(str(value), known)
            raise argparse.ArgumentError(action, f"{value!r} is not one of {', '.join(known)}{close}")


def _close_option(parser: argparse.ArgumentParser, word: str) -> str:
    known = [option for action in parser._actions for option in action.option_strings]
    return hints.suggestion(word.partition("=")[0], known) if word.startswith("-") else ""


def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the whole command line, and that of each command."""
    # Abbreviations are off: they would swallow options meant for pytest.
    parser = _Parser(
        prog="nextphase",
        description="A small, complete microservice platform: start it, see into it, test it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    instance_help = 'which instance (default: $NEXTPHASE_INSTANCE, else "default")'
    instance = _Parser(add_help=False)
    instance.add_argument(
        "--instance",
        type=_instance,
        metavar="NAME",
        default=argparse.SUPPRESS,
        help=instance_help,
    )
    parser.add_argument("--instance", type=_instance, metavar="NAME", help=instance_help)
    parser.add_argument("--version", action="version", version=f"nextphase {version()}")
    parser.set_defaults(instance=os.environ.get("NEXTPHASE_INSTANCE") or DEFAULT)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    added = {
        name: commands.add_parser(
            name, parents=[instance], help=command.summary, description=_sentence(command), allow_abbrev=False
        )
        for name, command in COMMANDS.items()
    }
    added["down"].add_argument(
        "--purge", action="store_true", help="remove the instance's state too: all its data"
    )
    added["logs"].add_argument(
        "name", metavar="NAME", help="a process, a service with all its instances, an nginx or `rio`"
    )
    added["logs"].add_argument(
        "-f", "--follow", action="store_true", help="go on with what is written from now on"
    )
    added["logs"].add_argument(
        "-n", "--lines", type=_count, default=100, metavar="N", help="how many lines (100)"
    )
    added["restart"].add_argument(
        "name", metavar="NAME", help="a service, a hop, or one process, as `status` shows it"
    )
    added["dashboards"].add_argument(
        "--check", action="store_true", help="write nothing; fail where a file would change"
    )
    open_arguments.open_(added["open"])
    demo_arguments.demo(added["demo"], _count)
    events_arguments.events(added["events"])
    added["console"].add_argument(
        "--operate", action="store_true", help="an address that opens operate mode, once, within 5 minutes"
    )
    added["console"].add_argument(
        "--for",
        type=operate.duration,
        default=operate.SESSION_SECONDS,
        dest="session_seconds",
        metavar="TIME",
        help="with --operate: how long the browser may act, such as 90s or 2h; at most 8h (30m)",
    )
    added["trace"].add_argument(
        "trace_id", metavar="ID", help="a trace id, as in the X-Trace-Id of every answer"
    )
    find_arguments.find(added["find"])
    alerts_arguments.alerts(added["alerts"], instance)
    loglevel_arguments.loglevel(added["loglevel"])
    flows_arguments.flows(added["flows"])
    added["map"].add_argument(
        "--since",
        dest="seconds",
        type=durations.between("1m", "3d", "1h"),
        default=3600,
        metavar="TIME",
        help="calls of the last 5m, 2h, 1d (1h)",
    )
    added["token"].add_argument(
        "--subject",
        default="demo",
        metavar="NAME",
        help="whose it is: an account's id, to place and read its orders (demo)",
    )
    added["token"].add_argument(
        "--scope",
        action="append",
        metavar="SCOPE",
        help="what it allows, such as stock:write; once for each scope (orders:read)",
    )
    added["token"].add_argument(
        "--minutes", type=_count, default=60, metavar="N", help="how long it is good (60)"
    )
    added["token"].epilog = (
        'An account reads its orders: curl -H "Authorization: Bearer $(./nextphase token --subject ID)" '
        "http://127.0.0.1:8080/v1/me/orders. Setting the stock (PUT /v1/stock/SKU) needs --scope stock:write."
    )
    added["completion"].add_argument("shell", choices=("bash", "zsh"), help="whose")
    added["completion"].epilog = (
        'For the shell at hand: eval "$(./nextphase completion bash)", or zsh in place of bash; '
        "the same line in ~/.bashrc or, behind compinit, in ~/.zshrc for those to come."
    )
    added["sbom"].epilog = (
        "It has the Python packages, Go modules, Java libraries and npm packages of this checkout, as they "
        "are built, and the programs of the machine that an instance starts, each with version and licence."
    )
    added["bench"].add_argument("what", choices=("rio", "gateway", "console", "telemetry"), help="which part")
    added["bench"].add_argument("--quick", action="store_true", help="one short round")
    drill_arguments.drill(added["drill"])
    rio_arguments.emit(added["emit"])
    rio_arguments.tail(added["tail"])
    rio_arguments.rio(added["rio"], instance)
    rio_arguments.outbox(added["outbox"])
    for name in _JSON:
        added[name].add_argument("--json", action="store_true", help="print JSON")
    added["test"].add_argument(
        "--containers",
        action="store_true",
        help="only the container composition, on an engine that the tests bring",
    )
    added["test"].usage = "nextphase test [-h] [--instance NAME] [--containers] [PYTEST ARGUMENT ...]"
    added["test"].epilog = "All other arguments go to pytest: ./nextphase test -m 'not stack' gateway"
    return parser, added


def _sentence(command: Command) -> str:
    return command.summary[0].upper() + command.summary[1:] + "."


def _instance(text: str) -> str:
    if not _INSTANCE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no instance name: lower-case letters, digits and '-', a letter first, 20 at most"
        )
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000000")
    return int(text)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    command = COMMANDS[args.command]
    if args.command == "up":
        preflight.check(ROOT, args.instance)
    if command.sets_up:
        os.environ.setdefault(STARTED, str(time.monotonic()))
        prepare(stages(ROOT, testing=command.testing))
    layout = _layout(args.instance) if command.of_instance else None
    if command.in_environment or (args.command == "doctor" and venv.python(ROOT)):
        _enter_environment(args.command, command.testing, arguments)
    if command.sets_up:
        # Not a stage of those above: the choice of binaries needs the environment's packages.
        importlib.import_module("compose.cli.tool_selection").set_up(ROOT, testing=command.testing)
    module = importlib.import_module(f"compose.cli.commands.{args.command}")
    code: int = module.run(layout or ROOT, args)
    return code


def _layout(instance: str) -> Layout:
    existing = Layout.existing(ROOT)
    if instance not in existing:
        others = f" (there are: {', '.join(existing)})" if existing else ""
        close = hints.suggestion(instance, existing)
        raise Failure(
            f"there is no instance {instance!r} here{others}{close}", advice=f"Run {hints.set_up()}"
        )
    return Layout.open(ROOT, instance)


def _enter_environment(command: str, testing: bool, arguments: Sequence[str]) -> None:
    """Goes on in the environment's Python: returns there, and nowhere else."""
    python = venv.python(ROOT, testing=testing)
    if python is None:
        raise not_set_up(command)
    if Path(sys.prefix) == python.parents[1]:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [str(python), str(ROOT / "nextphase"), *arguments])  # noqa: S606 - it is what is meant


def _terminate(signum: int, frame: object) -> None:
    """SIGTERM ends the command as Ctrl-C does: what it started is ended too."""
    raise SystemExit(128 + signum)


def _keep_trace() -> str:
    """Writes the stack trace of the error at hand to a file; returns its path."""
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (ROOT / STATE, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            (folder / name).write_text(traceback.format_exc())
            return str(folder / name)
    return "no file: none could be written"
