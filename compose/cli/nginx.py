"""Both nginx: their configurations from compose/nginx/, and the rotation of what they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from compose.cli.catalog import Catalog
from compose.cli.platform import Platform
from compose.cli.secrets import Secrets
from compose.cli.site import Address, Site
from compose.cli.version import version

TEMPLATES = Path("compose/nginx")
BANNED = TEMPLATES / "banned.conf"
EDGE, SERVICES = "edge-nginx", "services-nginx"

# Of each file at least what the collector's queues hold: it waits here while they are full or it is away. All
# files together are bounded by `disk_megabytes` in compose/platform.yaml (compose/disk_limits).
_ROTATE_BYTES = "64M"
_ROTATED_KEPT = 4


def edge(
    root: Path,
    platform: Platform,
    site: Site,
    banned_file: PurePath,
    gateways: Sequence[int] | None = None,
) -> str:
    """The edge's configuration.

    banned_file: the ban list as nginx sees it. gateways: the ports, counted from the first of the gateway's
    block, of the processes that serve at the moment; None for those of all processes.
    """
    serving = range(platform.gateway_processes) if gateways is None else gateways
    return _render(
        root,
        site,
        EDGE,
        gateways=[str(site.reach("gateway", number)) for number in serving],
        gateway_health=[str(site.reach("gateway-metrics", number)) for number in serving],
        limits=platform.edge,
        callers=platform.edge,
        sampling=platform.sampling,
        banned_file=str(banned_file),
    )


def services(
    root: Path,
    platform: Platform,
    catalog: Catalog,
    site: Site,
    instances: Mapping[str, Sequence[Address]] | None = None,
) -> str:
    """The configuration of the nginx in front of the services.

    instances: which of a service serve at the moment; None for all. A service without any is left out.
    """
    serving = all_instances(catalog, site) if instances is None else instances
    upstreams = [
        {
            "name": service.name,
            "timeout_seconds": service.timeout_seconds,
            "instances": list(map(str, serving[service.name])),
        }
        for service in catalog
        if serving.get(service.name)
    ]
    return _render(
        root,
        site,
        SERVICES,
        services=upstreams,
        body_bytes=platform.edge.event_bytes,
        callers_file=str(Secrets(site.secrets).callers),
    )


def all_instances(catalog: Catalog, site: Site) -> dict[str, list[Address]]:
    """Where the instances of every service listen."""
    return {
        service.name: [site.reach_service(service, number) for number in range(service.instances)]
        for service in catalog
    }


def configuration_file(site: Site, name: str) -> PurePath:
    """Where the configuration of EDGE or SERVICES stands."""
    return site.config / "nginx" / f"{_short(name)}.conf"


def error_log(site: Site, name: str) -> PurePath:
    """The file of an nginx's error log."""
    return site.nginx_logs / f"{_short(name)}-error.log"


def folder(site: Site, name: str) -> PurePath:
    """nginx' prefix: its process id and temporary files."""
    return site.run / name


def pid_file(site: Site, name: str) -> PurePath:
    """Holds the master's process id."""
    return folder(site, name) / "nginx.pid"


def removals(site: Site) -> PurePath:
    """Lists what rotation, or compose/disk_limits, has removed, for the collector (filebacklog).

    It counts what of that it had not read.
    """
    return site.nginx_logs / "removed"


def rotation(site: Site) -> str:
    """logrotate's configuration: by size, few copies, uncompressed: the collector may still read them.

    What it removes it lists first, a line each of device:inode, bytes and name.
    """
    pids = " ".join(f"'{pid_file(site, name)}'" for name in (EDGE, SERVICES))
    return f"""\
"{site.nginx_logs}/*.json" "{site.nginx_logs}/*-error.log" {{
    size {_ROTATE_BYTES}
    rotate {_ROTATED_KEPT}
    missingok
    notifempty
    nocreate
    nocompress
    sharedscripts
    preremove
        stat --format '%d:%i %s %n' "$1" >>'{removals(site)}'
    endscript
    postrotate
        for file in {pids}; do
            if [ -s "$file" ]; then kill -USR1 "$(cat "$file")"; fi
        done
    endscript
}}
"""


def _render(root: Path, site: Site, name: str, **own: Any) -> str:
    templates = Environment(  # noqa: S701 - not HTML
        loader=FileSystemLoader(root / TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(f"{_short(name)}.conf.j2").render(
        listen=str(site.listen(name)),
        status_listen=str(site.listen(f"{name}-status")),
        user=site.nginx_user,
        worker_processes="auto",
        pid=str(pid_file(site, name)),
        log_dir=str(site.nginx_logs),
        temp_dir=str(folder(site, name) / "temp"),
        error_log=str(error_log(site, name)),
        instance=site.instance,
        version=version(),
        resolver=site.resolver,
        **own,
    )


def _short(name: str) -> str:
    return name.removesuffix("-nginx")
