"""Where an instance keeps its files and which ports it takes. Standard library only.

An instance is one running copy of the platform. Its state lives in `.nextphase/<instance>/` of the checkout
and its ports are those of instance `default` plus an offset, chosen once and remembered in `instance.json`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from compose.cli import cache, files
from compose.cli.errors import Failure

DEFAULT = "default"
LOOPBACK = "127.0.0.1"
STATE = ".nextphase"
SERVICE_PORTS = range(8300, 8400)  # what the catalog may give to services
SPARE_SHIFT = 400  # from the port of a service's first instance to that of its spare: 8700..8799
DISPATCHERS = 10  # at most: Rio's dispatchers have a block of ports, too; the spare takes the next one
GATEWAY_PORTS = 50  # the gateway's block of ports ends where the block of its metrics begins
GATEWAY_PROCESSES = GATEWAY_PORTS - 1  # at most: one port at least is left for its spare

PORTS: Mapping[str, int] = MappingProxyType(
    {
        "console": 3000,
        "edge-nginx": 8080,
        "services-nginx": 8081,
        "edge-nginx-status": 8082,
        "services-nginx-status": 8083,
        "gateway": 8100,
        "gateway-metrics": 8150,
        "rio-api": 8200,
        "rio-dispatcher": 8210,
        "relay": 8202,
        "relay-spare": 8203,
        "rio-api-ready": 8204,
        "rio-api-spare-ready": 8205,
        "rabbitmq": 5673,
        "rabbitmq-prometheus": 15692,
        "rabbitmq-distribution": 25673,
        "epmd": 4370,
        "postgres": 5433,
        "prometheus": 9090,
        "alertmanager": 9093,
        "loki": 3100,
        "loki-grpc": 3101,
        "jaeger": 16686,
        "jaeger-grpc": 16685,
        "jaeger-otlp": 14317,
        "jaeger-metrics": 8889,
        "jaeger-health": 13134,
        "collector-otlp-grpc": 4317,
        "collector-otlp-http": 4318,
        "collector-fluent": 24224,
        "collector-span-metrics": 9464,
        "collector-metrics": 8888,
        "collector-health": 13133,
        "disk-limits": 9465,
    }
)
"""Every port of instance `default` that is not a service's, by what listens there. `gateway` and
`gateway-metrics` are the first of a block: one port a gateway process."""

# Thousands first, for people; the steps between, because not all thousands go together. Beyond 7000 the
# highest port would reach the kernel's ephemeral range.
_OFFSETS: tuple[int, ...] = (
    *range(1000, 7001, 1000),
    *(offset for offset in range(200, 7000, 200) if offset % 1000),
)
_INSTANCE_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_DIRECTORY_MODE = 0o711  # PostgreSQL, RabbitMQ and nginx workers pass through as their own users
_CHOSEN_SECONDS = 15 * 60.0  # from the choice of ports to the first process that listens, set-up included
_CHOICE_SECONDS = 60.0  # for the choice itself
_SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own is 108 (unix(7), sun_path)


class LayoutError(Failure):
    """The instance cannot be placed; the message says why and what to do."""


@dataclass(frozen=True)
class Layout:
    """Paths and ports of one instance.

    root: the checkout. instance: its name. offset: what is added to every port of instance `default`.
    """

    root: Path
    instance: str
    offset: int

    @classmethod
    def open(cls, root: Path, instance: str = DEFAULT) -> Layout:
        """The layout of `instance`; makes its folders and chooses its ports when they do not exist yet.

        Raises LayoutError for a bad name, an unreadable `instance.json`, or when no ports are left.
        """
        if not _INSTANCE_NAME.fullmatch(instance):
            raise LayoutError(
                f"instance name {instance!r}: lower-case letters, digits and '-', a letter first, 32 at most"
            )
        root = root.resolve()
        home = _state_home(root)
        with _locked(home):
            offset = _remembered_offset(home / instance)
            if offset is None:
                offset = 0 if instance == DEFAULT else _free_offset(root, home / instance)
            layout = cls(root, instance, offset)
            layout._make_folders()
            _remember_offset(layout.state, offset)
        return layout

    @staticmethod
    def existing(root: Path) -> list[str]:
        """Names of the instances this checkout has, sorted."""
        return sorted(path.parent.name for path in (root / STATE).glob("*/instance.json"))

    @property
    def state(self) -> Path:
        """Everything of this instance; removing it removes the instance.

        Where `.nextphase` is a link, the folder it leads to: the checkout itself is closed to other users.
        """
        return (self.root / STATE).resolve() / self.instance

    @property
    def config(self) -> Path:
        """Generated configuration; rewritten at every start, holds no secrets."""
        return self.state / "config"

    @property
    def data(self) -> Path:
        """The folder of data that survives a restart: PostgreSQL's, RabbitMQ's and the stores'."""
        return self.state / "data"

    @property
    def logs(self) -> Path:
        """`<process>.log` of every process; nginx' own files in `nginx/`."""
        return self.state / "logs"

    @property
    def run(self) -> Path:
        """Process ids, sockets and temporary files: may vanish while the instance is down."""
        return self.state / "run"

    @property
    def secrets(self) -> Path:
        """Credentials made at set-up; mode 0700."""
        return self.state / "secrets"

    @property
    def processes_file(self) -> Path:
        """The document the supervisor runs."""
        return self.config / "process-compose.yaml"

    @cached_property
    def ports(self) -> Mapping[str, int]:
        """Every fixed port of this instance by name (see PORTS)."""
        return MappingProxyType({name: self.shifted(port) for name, port in PORTS.items()})

    def port(self, name: str) -> int:
        """The port of `name` (see PORTS) in this instance."""
        return self.ports[name]

    def shifted(self, port: int) -> int:
        """The port that stands for `port` of instance `default` in this instance (services' ports)."""
        return port + self.offset

    def address(self, name: str) -> str:
        """`host:port` of `name` (see PORTS) in this instance."""
        return f"{LOOPBACK}:{self.port(name)}"

    @cached_property
    def supervisor_socket(self) -> Path:
        """The supervisor's unix socket; in `run/`, or under /tmp where that path is too long for a socket."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) < _SOCKET_PATH_LIMIT:
            return path
        folder = Path(f"/tmp/nextphase-{os.geteuid()}")  # noqa: S108 - owner and mode are checked
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
            raise LayoutError(f"{folder} is not a private folder of this user: remove it and start again")
        return folder / f"{_digest(self.state)}.sock"

    def _make_folders(self) -> None:
        for folder in (self.state, self.config, self.data, self.logs, self.logs / "nginx", self.run):
            _make_folder(folder, _DIRECTORY_MODE)
        _make_folder(self.secrets, 0o700)


def reserved_ports(offset: int) -> set[int]:
    """Every port an instance with `offset` may take, blocks included."""
    gateways = range(PORTS["gateway"], PORTS["gateway"] + GATEWAY_PORTS)
    metrics = range(PORTS["gateway-metrics"], PORTS["gateway-metrics"] + GATEWAY_PORTS)
    dispatchers = range(PORTS["rio-dispatcher"], PORTS["rio-dispatcher"] + DISPATCHERS + 1)
    spares = (port + SPARE_SHIFT for port in SERVICE_PORTS)
    blocks = (*gateways, *metrics, *dispatchers, *SERVICE_PORTS, *spares)
    return {port + offset for port in (*PORTS.values(), *blocks)}


def _state_home(root: Path) -> Path:
    """`.nextphase` of the checkout, made where the parts' own users can reach it.

    A checkout below a private folder (/root, a home with mode 0700) is closed to PostgreSQL's and RabbitMQ's
    users; then `.nextphase` is a link to a folder under /var/lib.
    """
    home = root / STATE
    if home.is_symlink() and not home.exists():
        _make_folder(home.readlink(), _DIRECTORY_MODE)
    if not home.exists():
        if os.geteuid() == 0 and not _open_to_others(root):
            elsewhere = Path("/var/lib/nextphase") / _digest(root)
            elsewhere.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _make_folder(elsewhere, _DIRECTORY_MODE)
            home.symlink_to(elsewhere)
        else:
            _make_folder(home, _DIRECTORY_MODE)
    return home


def _open_to_others(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _make_folder(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != mode:
        folder.chmod(mode)  # mkdir's own mode is subject to the umask


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One instance is placed at a time: two must not choose the same ports."""
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remembered_offset(state: Path) -> int | None:
    file = state / "instance.json"
    try:
        offset = json.loads(file.read_text())["offset"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LayoutError(f"{file}: offset: not readable ({error})") from error
    if offset not in (0, *_OFFSETS):
        raise LayoutError(f"{file}: offset: {offset!r} is not one of 0, {_OFFSETS}")
    return int(offset)


def _remember_offset(state: Path, offset: int) -> None:
    file = state / "instance.json"
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps({"offset": offset}) + "\n")
        partial.replace(file)


def _free_offset(root: Path, state: Path) -> int:
    """An offset that no instance of this checkout has, on whose ports no process listens, and that no other
    checkout of this user has chosen a moment ago: what that is about to start does not listen yet."""
    taken = reserved_ports(0)  # `default` may be started later
    for other in Layout.existing(root):
        taken |= reserved_ports(_remembered_offset(root / STATE / other) or 0)
    with _chosen_offsets() as chosen:
        chosen.pop(str(state), None)  # of an instance of this name that was removed
        for other_offset, _ in chosen.values():
            taken |= reserved_ports(other_offset)
        for offset in _OFFSETS:
            wanted = reserved_ports(offset)
            if not wanted & taken and all(_is_free(port) for port in wanted):
                chosen[str(state)] = (offset, time.time())
                return offset
    raise LayoutError(f"no free ports for instance {state.name}: remove an instance under {root / STATE}")


@contextlib.contextmanager
def _chosen_offsets() -> Iterator[dict[str, tuple[int, float]]]:
    """The offsets that instances of any checkout chose within the last minutes, and when, by their state's
    folder; what is added is kept. One choice at a time."""
    file = cache.home() / "offsets.json"
    with cache.locked(file, lambda text: None, _CHOICE_SECONDS):
        try:
            content = json.loads(file.read_text())
            found = {str(state): (int(offset), float(at)) for state, (offset, at) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            found = {}  # what is lost was of the last minutes
        recent = {state: choice for state, choice in found.items() if _is_recent(Path(state), choice[1])}
        yield recent
        files.write(file, json.dumps(recent) + "\n")


def _is_recent(state: Path, chosen_at: float) -> bool:
    """Whether the instance that chose its ports then may be about to start; one that was removed is not."""
    seconds = time.time() - chosen_at
    return seconds < _CHOICE_SECONDS or (seconds < _CHOSEN_SECONDS and (state / "instance.json").exists())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
