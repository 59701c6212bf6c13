"""Writes everything under `config/` that the catalog, the platform's settings and the place determine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from compose.cli import (
    databases,
    files,
    hops,
    nginx,
    postgres,
    processes,
    rabbitmq,
    secrets,
    targets,
    users,
)
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.site import Site

if TYPE_CHECKING:
    from compose.cli.toolbox import Toolbox

PROMETHEUS = Path("observability/prometheus")
_DATA = ("alertmanager", "collector", "jaeger", "loki", "prometheus")


def generate(catalog: Catalog, layout: Layout, toolbox: Toolbox) -> set[Path]:
    """Brings a native instance's secrets, folders and configuration up to date.

    Returns the configuration files whose content changed or that are gone. Raises Refused when the platform's
    settings are wrong.
    """
    platform = Platform.load(layout.root)
    site = Site.native(layout)
    secrets.ensure(layout.secrets, catalog)
    _make_folders(layout, site)
    banned = layout.root / nginx.BANNED
    content = configuration(layout.root, layout.secrets, catalog, platform, site, banned)
    content[layout.processes_file.name] = processes.document(catalog, layout, platform, toolbox)
    changed = _write_all(layout.config, content)
    users.give(layout.config / rabbitmq.DEFINITIONS, users.RABBITMQ, 0o600)
    return changed


def generate_for_containers(catalog: Catalog, root: Path, folder: Path, instance: str) -> set[Path]:
    """The same files with containers' addresses: `folder/config`, mounted at Site.containers().config, and
    `folder/secrets`. Returns the configuration files that changed."""
    platform = Platform.load(root)
    site = Site.containers(instance)
    secrets.ensure(folder / "secrets", catalog, folder_mode=0o711)
    banned = site.config / "nginx" / nginx.BANNED.name
    content = configuration(root, folder / "secrets", catalog, platform, site, banned)
    content[f"nginx/{nginx.BANNED.name}"] = (root / nginx.BANNED).read_text()
    return _write_all(folder / "config", content)


def configuration(
    root: Path, secrets_folder: Path, catalog: Catalog, platform: Platform, site: Site, banned_file: PurePath
) -> dict[str, str]:
    """Every configuration file but the supervisor's, by path below `config/`.

    secrets_folder: where the secrets are now. banned_file: where the edge finds the ban list.
    """
    return {
        "nginx/edge.conf": nginx.edge(root, platform, site, banned_file),
        "nginx/services.conf": nginx.services(root, catalog, site),
        "logrotate.conf": nginx.rotation(site),
        "gateway.json": hops.gateway(catalog, platform, site),
        **{
            hops.rio_file(number): hops.rio(platform, site, number)
            for number in range(platform.rio.dispatchers)
        },
        hops.RIO_CATALOG: hops.rio_catalog(catalog),
        "relay.json": hops.relay(catalog, site),
        "postgres/postgresql.conf": postgres.configuration(catalog, site),
        "postgres/pg_hba.conf": postgres.authentication(),
        "postgres/databases.sql": databases.script(catalog),
        "rabbitmq/rabbitmq.conf": rabbitmq.configuration(site),
        "rabbitmq/enabled_plugins": rabbitmq.PLUGINS,
        rabbitmq.DEFINITIONS: rabbitmq.definitions(secrets_folder),
        **_prometheus(root, catalog, platform, site),
    }


def _prometheus(root: Path, catalog: Catalog, platform: Platform, site: Site) -> dict[str, str]:
    """Prometheus' own files, whose paths are all relative, and beside them the targets."""
    sources = [PROMETHEUS / "prometheus.yml", *sorted(path.relative_to(root) for path in _rules(root))]
    copied = {str(source.relative_to("observability")): (root / source).read_text() for source in sources}
    return copied | {
        "prometheus/targets/hops.json": targets.hops(catalog, platform, site),
        "prometheus/targets/telemetry.json": targets.telemetry(site),
        "prometheus/targets/platform.json": targets.platform(site),
        "prometheus/alertmanagers/alertmanager.json": targets.alertmanagers(site),
    }


def _rules(root: Path) -> list[Path]:
    return list((root / PROMETHEUS / "rules").glob("*.yml"))


def _write_all(config: Path, content: Mapping[str, str]) -> set[Path]:
    private = {rabbitmq.DEFINITIONS}
    wanted = {config / name for name in content}
    changed = {
        config / name
        for name, text in content.items()
        if files.write(config / name, text, 0o600 if name in private else 0o644)
    }
    # Prometheus reads whatever lies in rules/: a rule that is no longer there must go.
    stale = {path for path in (config / "prometheus" / "rules").glob("*") if path not in wanted}
    for path in stale:
        path.unlink()
    return changed | stale


def _make_folders(layout: Layout, site: Site) -> None:
    for name in (nginx.EDGE, nginx.SERVICES):
        files.make_folder(Path(nginx.folder(site, name)))
        files.make_folder(Path(nginx.folder(site, name)) / "temp")
    for part in _DATA:
        files.make_folder(layout.data / part, 0o700)
    files.make_folder(layout.data / "rabbitmq")
    users.give(layout.data / "rabbitmq", users.RABBITMQ, 0o700)
