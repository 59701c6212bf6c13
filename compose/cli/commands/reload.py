"""`nextphase reload`: the gateway reads its routes again, without dropping a request."""

from __future__ import annotations

import argparse
from pathlib import Path

from compose.cli import checks, validation
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.site import Site
from compose.cli.supervisor import Supervisor
from compose.cli.toolbox import Toolbox


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Checks the routes as the gateway would read them, then tells it to; refuses what it would refuse."""
    site = Site.native(layout)
    check = checks.gateway(Toolbox.locate(layout.root), site, layout.root, Path(site.config / "gateway.json"))
    said = validation.refusal(check, layout.root)
    if said is not None:
        raise Failure("the routes are refused; the gateway goes on with those it has", tail=said)
    Supervisor(layout).reload_process("gateway")
    print("the gateway reads its routes again")
    return 0
