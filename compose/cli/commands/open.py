"""`nextphase open`: a page of the console by its address, opened on a desktop. Standard library only."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable

from compose.cli import hints, names
from compose.cli.errors import UsageError
from compose.cli.layout import LOOPBACK, Layout
from compose.cli.links import DASHBOARD_UID, Links
from compose.cli.open_arguments import PAGES, RIO_TABS

DASHBOARDS = "dashboards/generated"
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_CONNECT_SECONDS = 2.0
_OPEN_SECONDS = 10.0


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Print the address and open it; 1 where it was to be opened and nothing answers there."""
    address = _address(layout, args.what, args.name, Links.of(layout, args.since))
    print(address, flush=True)
    if args.print_only or not _is_desktop():
        return 0
    if not _answers(layout.port("console")):
        print(f"The console does not answer there. Is it up? {hints.command('status')}", file=sys.stderr)
        return 1
    return _open(address)


def _address(layout: Layout, what: str, name: str | None, links: Links) -> str:
    if PAGES[what] is None:
        if name is not None:
            raise UsageError(f"{what} takes no name, not {name!r}")
        pages: dict[str, Callable[[], str]] = {
            "home": links.home, "map": links.map, "api": links.api, "traces": links.traces,
        }  # fmt: skip
        return pages[what]()
    if what == "trace":
        return links.trace(_trace_id(name))
    if what == "dashboard":
        return _dashboard(layout, name, links)
    if what == "logs":
        return _logs(layout, name, links)
    if what == "alerts":
        return links.alerts(None if name is None else names.known(name, names.alerts(layout.root), "alert"))
    return links.rio(None if name is None else names.known(name, RIO_TABS, "tab of Rio's"))


def _trace_id(name: str | None) -> str:
    if name is None or not _TRACE_ID.fullmatch(name.lower()):
        raise UsageError(
            "trace takes the id of a trace, 32 hexadecimal digits, as in the X-Trace-Id header of any answer"
        )
    return name.lower()


def _dashboard(layout: Layout, name: str | None, links: Links) -> str:
    prefix = DASHBOARD_UID.format("")
    files = (layout.root / DASHBOARDS).glob(f"{prefix}*.json")
    boards = sorted(file.stem.removeprefix(prefix) for file in files)
    if name is None:
        raise UsageError(f"dashboard: which? There are: {', '.join(boards)}")
    if name in boards:
        return links.dashboard(name)
    service = names.known(name, sorted({*boards, *names.hops(layout.root)}), "dashboard, service or hop")
    return links.dashboard("service", service=service)


def _logs(layout: Layout, name: str | None, links: Links) -> str:
    if name is None or name.lstrip().startswith("{"):
        return links.logs(name)
    return links.logs(f'{{service_name="{names.known(name, names.hops(layout.root), "service or hop")}"}}')


def _is_desktop() -> bool:
    """Whether this machine has a screen that a browser can open on."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> int:
    """Have the desktop open the address in its browser; the exit code.

    Python's own `webbrowser` asks the desktop first, and waits for the answer without a bound.
    """
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        print("No xdg-open is installed to open it with.", file=sys.stderr)
        return 1
    nothing = subprocess.DEVNULL
    # In a session of its own: Ctrl-C here is not meant for a browser that it starts.
    opening = subprocess.Popen(
        [opener, address], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        code = opening.wait(_OPEN_SECONDS)
    except subprocess.TimeoutExpired:
        return 0  # where the browser was not running, it may be this very process
    if code:
        print(f"{opener} could not open it (exit code {code}).", file=sys.stderr)
    return 1 if code else 0


def _answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
