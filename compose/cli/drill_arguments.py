"""The arguments of `nextphase drill`. Standard library only."""

from __future__ import annotations

import argparse

_EPILOG = """\
  drill --list               what there is: names, what each breaks, its alerts
  drill stop-service --yes   one drill
  drill all --yes            every drill, one after another

A drill breaks the instance for real, waits until its alert has been notified to
a webhook, looks for the cause in traces and logs, heals, and waits until the alert
is resolved. While drills run, Prometheus has the rules with durations divided by
10, and all alerts have the label drill="true"; receivers of compose/platform.yaml
get them too. A drill does not start while an alert fires. Ctrl-C heals and ends.

Exit codes: 0 every drill passed; 1 one did not, or none could start."""

ALL = "all"


def drill(parser: argparse.ArgumentParser) -> None:
    """nextphase drill NAME | all | --list."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"a drill, or `{ALL}`")
    parser.add_argument("--list", action="store_true", help="list the drills and break nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask before something is broken")


def settle(args: argparse.Namespace) -> str | None:
    """The error in a combination of arguments; None if they fit together."""
    if args.list == bool(args.names):
        return f"the NAME of a drill, `{ALL}` or --list is needed"
    return None
