"""Writes everything under `config/` that the catalog, the platform's settings and the place determine."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from compose.cli import (
    alert_rules,
    alertmanager,
    architecture,
    collector,
    databases,
    deployments,
    disk_limits,
    files,
    hops,
    nginx,
    notifications,
    postgres,
    processes,
    prometheus,
    rabbitmq,
    routes,
    secrets,
    slos,
    stores,
    targets,
    users,
)
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.notifications import Notifications
from compose.cli.platform import DISPATCHER, Platform, refused
from compose.cli.site import Site
from compose.cli.stores import Stores

if TYPE_CHECKING:
    from compose.cli.toolbox import Toolbox

DASHBOARDS = Path("dashboards/generated")
_CONSOLE_IN_CONTAINERS = hops.ConsoleFiles(
    bundle=PurePath("/srv/nextphase/bundle"),
    dashboards=PurePath("/srv/nextphase") / DASHBOARDS,
    supervisor_socket=None,
    deployments=None,
    port=3001,  # Grafana has the port of the native console
    operates=False,
)
#: Prometheus reads every file of the one, Grafana of the other.
_READ_WHOLE = ("prometheus/rules", str(DASHBOARDS))
_COPIED_TO_CONTAINERS = (
    "observability/collector/collector.yaml",
    "observability/jaeger/jaeger.yaml",
    "observability/loki/loki.yaml",
    "dashboards/provisioning/*/*.yaml",
    f"{DASHBOARDS}/*.json",
)
_DATA = ("alertmanager", "collector", "jaeger", "loki", "prometheus", "prometheus-agent")


@dataclass(frozen=True)
class Plan:
    """The plan of a native instance: configuration files by path below `config/`, processes and their spares
    by name. None of it is written yet.
    """

    layout: Layout
    catalog: Catalog
    platform: Platform
    toolbox: Toolbox
    stores: Stores
    files: Mapping[str, str]
    processes: Mapping[str, Mapping[str, Any]]
    spares: Mapping[str, Mapping[str, Any]]

    @property
    def site(self) -> Site:
        """Where its parts listen."""
        return Site.native(self.layout)

    def write(self, names: Iterable[str] | None = None) -> set[Path]:
        """Writes the configuration files, or those of `names`; returns those that changed or are gone.

        Of folders that are read whole, files that are no longer written are removed when all others are.
        """
        written = self.files if names is None else {name: self.files[name] for name in names}
        changed = _write_all(self.layout.config, written)
        if rabbitmq.DEFINITIONS in written:
            users.give(self.layout.config / rabbitmq.DEFINITIONS, users.RABBITMQ, 0o600)
        return changed if names is not None else changed | _remove_stale(self.layout.config, written)


def plan(catalog: Catalog, layout: Layout, toolbox: Toolbox) -> Plan:
    """Plan the instance from the checkout; writes nothing but missing secrets and folders.

    Raises Refused when the platform's settings are wrong.
    """
    platform = Platform.load(layout.root)
    _refuse_unusable_secrets(layout.root, platform.notifications)
    postgres.refuse_too_many(catalog)
    site = Site.native(layout)
    found_stores = Stores.of(layout.root, platform, site)
    secrets.ensure(layout.secrets, catalog)
    stores.write_secrets(layout.secrets, found_stores)
    notifications.write_secrets(layout.secrets, platform.notifications)
    _make_folders(layout, site)
    banned = layout.root / nginx.BANNED
    console = hops.ConsoleFiles(
        bundle=toolbox.console,
        dashboards=layout.root / DASHBOARDS,
        supervisor_socket=layout.supervisor_socket,
        deployments=deployments.path(layout),
        port=site.reach("console").port,
        operates=True,
    )
    files = configuration(layout.root, layout.secrets, catalog, platform, site, found_stores, banned, console)
    found = processes.Processes(catalog, layout, platform, toolbox, found_stores)
    files |= _spare_files(catalog, platform, site)
    files[disk_limits.FILE] = disk_limits.configuration(platform, site, found_stores)
    disk_limits.make_overrides(layout)
    return Plan(layout, catalog, platform, toolbox, found_stores, files, found.definitions(), found.spares())


def _refuse_unusable_secrets(root: Path, named: Notifications) -> None:
    for secret in named.secrets():
        try:
            secret.read()
        except ValueError as error:
            raise refused(root, secret.where, str(error)) from error


def _spare_files(catalog: Catalog, platform: Platform, site: Site) -> dict[str, str]:
    gateway, api, dispatcher, relay = map(processes.spare_of, ("gateway", "rio-api", DISPATCHER, "relay"))
    return {
        f"{gateway}.json": hops.gateway(catalog, platform, site, spare=True),
        f"{api}.json": hops.rio(platform, site, ready=f"{api}-ready"),
        f"{dispatcher}.json": hops.rio(platform, site, hops.SPARE_DISPATCHER),
        f"{relay}.json": hops.relay(catalog, site, relay),
    }


def generate_for_containers(catalog: Catalog, root: Path, folder: Path, instance: str) -> set[Path]:
    """The same files with containers' addresses: `folder/config`, mounted at Site.containers().config, and
    `folder/secrets`. Returns the configuration files that changed."""
    # Their Alertmanager has no way out, and none to the machine's files of secrets.
    platform = replace(Platform.load(root), notifications=Notifications())
    site = Site.containers(instance)
    secrets.ensure(folder / "secrets", catalog, folder_mode=0o711)
    banned = site.config / "nginx" / nginx.BANNED.name
    # Containers have their own stores, whatever existing ones the settings name.
    own, console = Stores.own(site), _CONSOLE_IN_CONTAINERS
    content = configuration(root, folder / "secrets", catalog, platform, site, own, banned, console)
    content[f"nginx/{nginx.BANNED.name}"] = (root / nginx.BANNED).read_text()
    content[rabbitmq.CLUSTER] = content[rabbitmq.FILE] + (root / rabbitmq.CLUSTER_SOURCE).read_text()
    content |= _copied_to_containers(root)
    changed = _write_all(folder / "config", content)
    return changed | _remove_stale(folder / "config", content)


def _copied_to_containers(root: Path) -> dict[str, str]:
    """Files of the checkout that containers get a copy of: in the checkout only their owner may read them."""
    paths = [path for pattern in _COPIED_TO_CONTAINERS for path in sorted(root.glob(pattern))]
    return {str(path.relative_to(root)): path.read_text() for path in paths}


def configuration(
    root: Path,
    secrets_folder: Path,
    catalog: Catalog,
    platform: Platform,
    site: Site,
    stores: Stores,
    banned_file: PurePath,
    console: hops.ConsoleFiles,
) -> dict[str, str]:
    """Every configuration file but the supervisor's, by path below `config/`.

    secrets_folder: where the secrets are now. banned_file: where the edge finds the ban list. console: where
    the console finds what is not generated.
    """
    return {
        "nginx/edge.conf": nginx.edge(root, platform, site, banned_file),
        "nginx/services.conf": nginx.services(root, platform, catalog, site),
        str(collector.FILE): collector.configuration(platform.sampling, routes.load(root)),
        "logrotate.conf": nginx.rotation(site),
        "gateway.json": hops.gateway(catalog, platform, site),
        **{
            hops.rio_file(number): hops.rio(platform, site, number)
            for number in range(platform.rio.dispatchers)
        },
        hops.RIO_CATALOG: hops.rio_catalog(catalog),
        "relay.json": hops.relay(catalog, site),
        "console.json": hops.console(platform, site, stores, console),
        hops.CATALOG: architecture.document(catalog, platform),
        "postgres/postgresql.conf": postgres.configuration(site),
        "postgres/pg_hba.conf": postgres.authentication(),
        "postgres/databases.sql": databases.script(catalog),
        rabbitmq.FILE: rabbitmq.configuration(site),
        "rabbitmq/advanced.config": rabbitmq.ADVANCED,
        "rabbitmq/enabled_plugins": rabbitmq.PLUGINS,
        rabbitmq.DEFINITIONS: rabbitmq.definitions(secrets_folder),
        **_prometheus(root, catalog, platform, site, stores),
        **alertmanager.files(root, site, platform.notifications),
    }


def _prometheus(
    root: Path, catalog: Catalog, platform: Platform, site: Site, stores: Stores
) -> dict[str, str]:
    """Prometheus' own files, whose paths are all relative, and beside them the targets."""
    rules = sorted(path.relative_to(root) for path in _rules(root))
    copied = {
        str(source.relative_to("observability")): alert_rules.with_links((root / source).read_text())
        for source in rules
    }
    own = (root / prometheus.SOURCE / "prometheus.yml").read_text()
    return copied | {
        architecture.CALL_RULES: architecture.call_rules(catalog),
        slos.RULES: slos.rules(slos.load(root)),
        "prometheus/prometheus.yml": prometheus.configuration(own, site, stores),
        "prometheus/targets/hops.json": targets.hops(catalog, platform, site),
        "prometheus/targets/telemetry.json": targets.telemetry(site, stores),
        "prometheus/targets/platform.json": targets.platform(site),
        "prometheus/alertmanagers/alertmanager.json": targets.alertmanagers(site),
    }


def _rules(root: Path) -> list[Path]:
    return list((root / prometheus.SOURCE / "rules").glob("*.yml"))


def _write_all(config: Path, content: Mapping[str, str]) -> set[Path]:
    private = {rabbitmq.DEFINITIONS}
    return {
        config / name
        for name, text in content.items()
        if files.write(config / name, text, 0o600 if name in private else 0o644)
    }


def _remove_stale(config: Path, content: Container[str]) -> set[Path]:
    found = [path for folder in _READ_WHOLE for path in (config / folder).glob("*")]
    stale = {path for path in found if str(path.relative_to(config)) not in content}
    for path in stale:
        path.unlink()
    return stale


def _make_folders(layout: Layout, site: Site) -> None:
    for name in (nginx.EDGE, nginx.SERVICES):
        files.make_folder(Path(nginx.folder(site, name)))
        files.make_folder(Path(nginx.folder(site, name)) / "temp")
    for part in _DATA:
        files.make_folder(layout.data / part, 0o700)
    files.make_folder(layout.data / "rabbitmq")
    users.give(layout.data / "rabbitmq", users.RABBITMQ, 0o700)
