"""The arguments of `nextphase open`. Standard library only."""

from __future__ import annotations

import argparse
import re

PAGES = {
    "home": None,
    "map": None,
    "api": None,
    "traces": None,
    "trace": "ID",
    "dashboard": "NAME",
    "logs": "[NAME or LogQL]",
    "alerts": "[NAME]",
    "rio": "[TAB]",
}
"""Pages that can be opened, each with its argument as the usage shows it."""

RIO_TABS = (
    "topology", "events", "subscriptions", "tail", "deliveries", "dead-letters", "replays", "scheduled",
)  # fmt: skip
"""The tabs of the console's page of Rio."""

_SINCE = re.compile(r"[1-9][0-9]{0,3}[smhd]")

_EPILOG = """\
  open                          the home page
  open trace 4bf92f3577b34da6a3ce929d0e0e4736
  open dashboard gateway        or platform, rio, postgresql, …, or the name of a service or hop
  open logs orders              or any LogQL query: open logs '{service_name="orders"} |= "refused"'
  open alerts HopDown
  open rio dead-letters         or another tab
  open traces, open map, open api

These are addresses of a native instance's console. In containers the same port has Grafana, with
the dashboards at the same addresses (http://127.0.0.1:3000/d/nextphase-gateway) and its own pages
for the rest; with the profile `console`, the console is there, too, at port 3001."""


def open_(parser: argparse.ArgumentParser) -> None:
    """nextphase open [WHAT] [NAME]."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print the address of a page of the console and, on a desktop, open it in the browser."
    )
    parser.epilog = _EPILOG
    parser.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        choices=tuple(PAGES),
        default="home",
        help=f"{', '.join(PAGES)} (home)",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of WHAT: a trace id, a dashboard, …")
    parser.add_argument("--print", dest="print_only", action="store_true", help="only print the address")
    parser.add_argument("--since", type=_since, metavar="TIME", help="how far back: 90s, 15m, 6h, 2d")


def _since(text: str) -> str:
    if not _SINCE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: 90s, 15m, 6h or 2d")
    return text
