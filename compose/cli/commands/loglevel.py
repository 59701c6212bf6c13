"""`nextphase loglevel`: which loggers write from which level up, changed while their hops run."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

from compose.cli import hints
from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.log_levels import LogLevel, LogLevels
from compose.cli.loglevel_arguments import DEFAULT
from compose.cli.supervisor import Supervisor

_OWN = ("gateway", "rio", "relay", "console")


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Changes a level, if the arguments have one; shows what differs from the levels that hops start with."""
    levels = LogLevels(layout)
    if args.hop is not None:
        _check(layout, args.hop)
    if args.level is not None:
        if not Supervisor(layout).is_running():
            raise Failure(f"instance {layout.instance} does not run")
        if args.level == DEFAULT:
            levels.reset(args.hop, args.logger)
        else:
            levels.set(LogLevel(args.hop, args.logger, args.level, time.time() + args.seconds))
    shown = [each for each in levels.current() if args.hop in (None, each.hop)]
    if args.json:
        print(json.dumps({"levels": [asdict(each) for each in shown]}, indent=2))
    else:
        print("\n".join(map(_line, shown)) or "every logger has the level that its hop starts with")
    return 0


def _check(layout: Layout, hop: str) -> None:
    known = [*(service.name for service in Catalog.load(layout.root).services), *_OWN]
    if hop not in known:
        close = hints.suggestion(hop, known)
        raise Failure(f"{hop!r} is no hop that has loggers: {', '.join(sorted(known))}{close}")


def _line(each: LogLevel) -> str:
    until = time.strftime("%H:%M:%S", time.localtime(each.until))
    return f"{each.hop}: {each.logger or 'every logger'} from {each.level} up, until {until}"
