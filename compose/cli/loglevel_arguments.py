"""The arguments of `nextphase loglevel`. Standard library only."""

from __future__ import annotations

import argparse

from compose.cli import durations
from compose.cli.log_levels import LEVELS

DEFAULT = "default"
MINUTES = 10
_MAX_LOGGER = 200

_EPILOG = """\
  loglevel                         what differs from the levels that hops start with
  loglevel orders                  the same of one hop
  loglevel orders debug            every logger of all its processes, for 10 minutes
  loglevel orders django.db debug --for 1h
  loglevel orders django.db default    back at once

Levels: debug, info, warning, error, or default, which is the one before. Every
process sees a change within a second or two; a stop of the instance ends it."""


def loglevel(parser: argparse.ArgumentParser) -> None:
    """nextphase loglevel [HOP [[LOGGER] LEVEL]]."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("hop", nargs="?", metavar="HOP", help="a service, gateway, rio, relay or console")
    parser.add_argument(
        "words", nargs="*", metavar="[LOGGER] LEVEL", help="which logger (all) logs from which level up"
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=durations.between("1s", "1d", "10m"),
        default=MINUTES * 60,
        metavar="TIME",
        help="after which it goes back, such as 30s or 2h; at most 1d (10m)",
    )


def settle(args: argparse.Namespace) -> str:
    """Puts logger and level in their places; what is wrong with the arguments, else an empty text."""
    args.logger, args.level = "", None
    if not args.words:
        return ""
    *logger, level = args.words
    if level not in (*LEVELS, DEFAULT):
        return f"{level!r} is no level: {', '.join(LEVELS)} or {DEFAULT}"
    if len(logger) > 1:
        return "at most one logger"
    args.logger, args.level = (logger[0] if logger else ""), level
    if len(args.logger) > _MAX_LOGGER:
        return f"the logger's name is longer than {_MAX_LOGGER} characters"
    return ""
