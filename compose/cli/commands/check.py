"""`nextphase check`: is every file as the programs want it that are going to read it?"""

from __future__ import annotations

import argparse

from compose.cli import checks, composition
from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.generate import plan
from compose.cli.layout import Layout
from compose.cli.toolbox import Toolbox


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Checks the manifests, the event schemas, the platform's settings, the gateway's routes and every
    generated configuration; changes nothing that runs."""
    planned = plan(Catalog.load(layout.root), layout, Toolbox.locate(layout.root))
    print("ok  services/*/service.yaml, event schemas, compose/platform.yaml")
    for what in checks.run(planned):
        print(f"ok  {what}")
    if (layout.root / composition.FILE).read_text() != composition.render(layout.root):
        raise Failure(f"{composition.FILE} is not made from the catalog as it is: ./nextphase containers")
    print(f"ok  {composition.FILE}")
    return 0
