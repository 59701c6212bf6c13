"""The arguments of `nextphase alerts`. Standard library only."""

from __future__ import annotations

import argparse
import re

from compose.cli import durations

_SILENCE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_COMMENT = 500

_EPILOG = """\
  alerts                     what fires or is pending, silenced or inhibited
  alerts silence HopDown --service orders --for 1h --comment "new disk"
  alerts silence --end ID    end a silence before its time

Of each: since when (UTC), the part at fault, why, what to do, and the console's
page of the alert and the dashboard of its part. Watchdog, which always fires, is
not shown; that Alertmanager does not have it is said.

Exit codes: 0 nothing fires; 1 something does, or whether it does is not known, as
a store does not answer. What is pending, silenced or inhibited does not count."""

_SILENCE_EPILOG = """\
All alerts of that name are silenced; with --service, those about that service.
A silenced alert is not notified. `alerts` and the console show it as silenced,
with who asked for it and why."""


def alerts(parser: argparse.ArgumentParser, instance: argparse.ArgumentParser) -> None:
    """nextphase alerts [silence]; `instance`: the options of every command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.usage = f"{parser.prog} [OPTION ...] [silence ...]"
    _json(parser, default=False)
    actions = parser.add_subparsers(dest="action", metavar="silence", prog=parser.prog)
    silence = actions.add_parser(
        "silence",
        parents=[instance],
        help="silence an alert for a while, or end a silence",
        description="Silence an alert for a while, or end a silence.",
        epilog=_SILENCE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # Without a default of its own: it would take the place of what stands before `silence`.
    _json(silence, default=argparse.SUPPRESS)
    silence.add_argument("name", metavar="NAME", nargs="?", help="the alert, such as HopDown")
    silence.add_argument("--service", metavar="SERVICE", help="only where it is about this service or hop")
    silence.add_argument(
        "--for",
        dest="seconds",
        type=durations.between("1m", "7d", "1h"),
        metavar="TIME",
        help="how long: 1m to 7d, such as 1h",
    )
    silence.add_argument("--comment", type=_comment, metavar="TEXT", help="why, for those who come after")
    silence.add_argument("--end", type=_silence_id, metavar="ID", help="end the silence of this id")


def settle(args: argparse.Namespace) -> str | None:
    """The error in a combination of arguments; None if they fit together."""
    if args.action is None:
        return None
    given = (args.name, args.seconds, args.comment)
    if args.end is not None:
        needless = any(one is not None for one in (*given, args.service))
        return "silence: --end takes the id of a silence and nothing else" if needless else None
    if None in given:
        return "silence: an alert's NAME, --for TIME and --comment TEXT are needed, or --end ID"
    return None


def _json(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument("--json", action="store_true", default=default, help="print JSON")


def _comment(text: str) -> str:
    if not text.strip() or len(text) > _MAX_COMMENT or not text.isprintable():
        raise argparse.ArgumentTypeError(
            f"a comment has 1 to {_MAX_COMMENT} characters, all of them printable"
        )
    return text


def _silence_id(text: str) -> str:
    if not _SILENCE_ID.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a silence; `alerts` shows those there are")
    return text.lower()
