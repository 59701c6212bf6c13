"""The settings of the process that bounds stores and log files (compose/disk_limits)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath

from compose.cli import files, nginx
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.stores import Stores

NAME = "disk-limits"
FILE = "disk-limits.json"  # below config/
LOKI_OVERRIDES = "loki/overrides.yaml"
"""Limits that Loki reads while it runs, below data/: its index there goes on naming removed chunks."""


def configuration(platform: Platform, site: Site, stores: Stores) -> str:
    """disk-limits.json: where every store that runs here is, and its limit."""
    limits, address = platform.disk_megabytes, site.listen(NAME)
    found = [
        {
            "name": name,
            "service": service,
            "folder": str(folder),
            "without": str(site.nginx_logs) if folder == site.logs else None,
            "limit_bytes": getattr(limits, name) * 1024**2,
        }
        for name, service, folder in _stores(site, stores)
    ]
    content = {
        "host": address.host,
        "port": address.port,
        "loki_overrides": str(site.data / LOKI_OVERRIDES),
        "nginx_removals": str(nginx.removals(site)),
        "stores": found,
    }
    return json.dumps(content, indent=2) + "\n"


def _stores(site: Site, stores: Stores) -> Iterator[tuple[str, str, PurePath]]:
    """Name in compose/platform.yaml, the part that it is of, folder."""
    own = (
        ("traces", "jaeger"),
        ("logs", "loki"),
        ("metrics", "prometheus"),
        ("telemetry_queues", "collector"),
    )
    for name, part in own:
        if stores.runs(part):
            folder = "prometheus-agent" if part == "prometheus" and stores.is_agent else part
            yield name, part, site.data / folder
    yield "databases", "postgres", site.data / "postgres"
    yield "queues", "rabbitmq", site.data / "rabbitmq"
    yield "nginx_files", NAME, site.nginx_logs
    yield "process_files", NAME, site.logs


def make_overrides(layout: Layout) -> None:
    """Make the file that Loki starts with, where there is none."""
    file = layout.data / LOKI_OVERRIDES
    if not file.exists():
        files.write(file, "overrides: {}\n")
