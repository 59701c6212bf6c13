"""Fills the volumes that the containers of compose/docker-compose.yaml share.

`python -m compose.cli.containers FOLDER` is what the container `setup` runs, as root and before any other
starts. Below FOLDER are mounted: config/ and secrets/ (see generate.py), data/<part>/ and logs/<nginx>/. With
`token SUBJECT [SCOPE ...]` after FOLDER it prints an access token, as `nextphase token` does natively.

Every hop and every store runs as a user of its own, and a file that not every hop may read belongs to the one
user who reads it. Users are numbers, the same in the volumes and in docker-compose.yaml; no image has to know
them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from compose.cli import files, hops, rabbitmq, schema_compatibility, tokens
from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.generate import generate_for_containers
from compose.cli.layout import PORTS
from compose.cli.platform import DISPATCHER
from compose.cli.secrets import MONITOR, OPERATOR, RELAY, RIO, SUPERUSER, VIEWER, Secrets, roles

INSTANCE = "containers"
TOKEN_MINUTES = 60
_ROOT = 0  # `setup`, and those who may enter a container as root

_IMAGES = {
    "edge-nginx": 101,
    "services-nginx": 101,
    "postgres": 999,
    "databases": 999,
    "rabbitmq": 999,
    "collector": 10001,
    "jaeger": 10001,
    "loki": 10001,
    "prometheus": 65534,
    "alertmanager": 65534,
    "grafana": 472,
}
_LOGS = ("edge-nginx", "services-nginx")
_DATA = ("postgres", "rabbitmq", "collector", "jaeger", "loki", "prometheus", "alertmanager", "grafana")


def users(catalog: Catalog, dispatchers: Sequence[str] = (DISPATCHER,)) -> dict[str, int]:
    """User id of every container but `setup`, which is also its group's.

    A part with an official image has that image's; a hop has the number of its first port.
    """
    hops = {
        "gateway": PORTS["gateway"],
        "rio-api": PORTS["rio-api"],
        **dict.fromkeys(dispatchers, PORTS["rio-api"]),
        "relay": PORTS["relay"],
        "console": PORTS["console"],
    }
    for service in catalog:
        migration = [f"{service.name}-migrate"] if service.migrate else []
        hops |= dict.fromkeys([*service.instance_names, *migration], service.port)
    return _IMAGES | hops


def fill(catalog: Catalog, root: Path, folder: Path) -> None:
    """Brings the volumes below `folder` up to date with the checkout `root`; what is right is left alone.

    Raises Refused when the platform's settings are wrong, Failure when a changed schema of events is refused.
    """
    for warning in schema_compatibility.check(catalog, folder / "config" / hops.RIO_CATALOG):
        print(f"nextphase: {warning}", file=sys.stderr)
    generate_for_containers(catalog, root, folder, INSTANCE)
    found = users(catalog)
    for path in (folder / "config", *(folder / "config").rglob("*/")):
        path.chmod(0o755)  # Prometheus lists its folders of rules and targets
    _give(folder / "config" / rabbitmq.DEFINITIONS, found["rabbitmq"], 0o600)
    for path, user in readers(catalog, folder / "secrets").items():
        _give(path, user, 0o600)
    for part in _DATA:
        _give(folder / "data" / part, found[part], 0o700)
    _share_cookie(folder, found["rabbitmq"])
    for name in _LOGS:
        _give(folder / "logs" / name, found[name], 0o755)  # the collector reads them


def _share_cookie(folder: Path, user: int) -> None:
    """Gives every RabbitMQ node there is the same cookie; a cluster's have a volume each."""
    cookie = Path(Secrets(folder / "secrets").erlang_cookie).read_text()
    for data in (folder / "data").glob("rabbitmq*"):
        _give(data, user, 0o700)
        files.write(data / ".erlang.cookie", cookie, 0o600)
        os.chown(data / ".erlang.cookie", user, user)


def readers(catalog: Catalog, folder: Path) -> dict[Path, int]:
    """The one user who reads it, for every secret below `folder` that is read."""
    found, names = users(catalog), Secrets(folder)
    rio = found["rio-api"]
    owners = {
        names.callers: found["services-nginx"],
        names.credential("gateway"): found["gateway"],
        names.jwks: found["gateway"],
        names.signing_key: _ROOT,
        names.credential("rio"): rio,
        names.senders: rio,
        names.webhook_key: rio,
        names.rabbitmq: rio,
        names.erlang_cookie: _ROOT,
        names.pgpass(RIO): rio,
        names.sender(RELAY): found["relay"],
        names.relay_operator: found["relay"],
        names.sender(OPERATOR): _ROOT,
        names.sender(VIEWER): found["console"],
        names.pgpass(RELAY): found["relay"],
        names.pgpass(SUPERUSER): found["databases"],
        names.pgpass(MONITOR): found["collector"],
        names.password(SUPERUSER): found["postgres"],
    }
    # Only the script that makes the roles reads passwords as such.
    owners |= {names.password(role): found["databases"] for role in roles(catalog)}
    owners |= {names.sender(service.name): found[service.name] for service in catalog}
    owners |= {names.pgpass(service.name): found[service.name] for service in catalog.with_database}
    return {Path(path): user for path, user in owners.items()}


def _give(path: Path, user: int, mode: int) -> None:
    os.chown(path, user, user)
    path.chmod(mode)


def main(arguments: Sequence[str]) -> int:
    """The command: `FOLDER` or `FOLDER token SUBJECT [SCOPE ...]`."""
    root = Path(__file__).resolve().parents[2]
    try:
        match arguments:
            case [folder]:
                fill(Catalog.load(root), root, Path(folder))
            case [folder, "token", subject, *scopes]:
                key = Path(Secrets(Path(folder) / "secrets").signing_key)
                print(tokens.issue(key, subject, scopes or tokens.SCOPES, TOKEN_MINUTES))
            case _:
                usage = "python -m compose.cli.containers FOLDER [token SUBJECT [SCOPE ...]]"
                print(f"usage: {usage}", file=sys.stderr)
                return 2
    except Failure as failure:
        print(failure.text(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
