"""The catalog: every service's manifest, `services/<name>/service.yaml`, read and checked as one.

It is refused whole, with every fault at once, because a platform started from half a catalog is a platform
not described.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compose.cli import event_schemas, flow_rules
from compose.cli.flow_rules import FlowRule
from compose.cli.layout import SERVICE_PORTS
from compose.cli.refusal import Refused
from observability.configuration.yaml_document import Document, Field

FOLDER = Path("services")
MANIFEST = "service.yaml"
SCHEMA = FOLDER / "service.schema.json"
_MAX_BYTES = 64 * 1024

_PARTS = (
    "broker collector console databases disk-limits edge epmd gateway health jaeger loki logrotate metrics"
)
_PARTS += " alertmanager monitor operator prometheus rabbitmq relay rio services viewer"
_DATABASE_WORDS = "postgres public template0 template1 user"
RESERVED_NAMES = frozenset(_PARTS.split() + _DATABASE_WORDS.split())
"""Names no service may take: processes, path prefixes and log sources of the platform, databases, roles."""


@dataclass(frozen=True)
class Subscription:
    """Events of `type` that pass all `filters` are delivered to `path` of the service that subscribes.

    config: how, as far as it differs from Rio's defaults.
    """

    type: str
    path: str
    filters: Sequence[Mapping[str, Any]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """A service's settings in the container composition.

    dockerfile: of an image of the service's own, None for the image of the Python hops. memory_mib: the limit
    of each container, in MiB.
    """

    dockerfile: str | None = None
    memory_mib: int = 256


@dataclass(frozen=True)
class Service:
    """One manifest (services/service.schema.json says what each field means).

    schemas: by event type, the JSON Schemas of those it emits that have one.
    """

    name: str
    description: str
    framework: str
    port: int
    command: Sequence[str]
    database: bool
    timeout_seconds: float
    emits: Sequence[str]
    subscriptions: Sequence[Subscription]
    instances: int = 1
    migrate: Sequence[str] | None = None
    build: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    flows: Sequence[FlowRule] = ()
    container: Container = Container()
    version: str | None = None

    @property
    def ports(self) -> range:
        """Ports of its instances in platform instance `default`."""
        return range(self.port, self.port + self.instances)

    @property
    def instance_names(self) -> list[str]:
        """Names of its processes: the service's own, then `<name>-2` and so on."""
        return [
            self.name if number == 1 else f"{self.name}-{number}" for number in range(1, self.instances + 1)
        ]


@dataclass(frozen=True)
class Catalog:
    """All services, sorted by name."""

    services: Sequence[Service]

    @classmethod
    def load(cls, root: Path) -> Catalog:
        """Reads `services/*/service.yaml` of the checkout `root`; raises Refused with every fault."""
        schema = json.loads((root / SCHEMA).read_text())
        documents = {
            path.parent.name: _read(root, path, schema)
            for path in sorted((root / FOLDER).glob(f"*/{MANIFEST}"))
        }
        sound = {name: document for name, document in documents.items() if not document.faults}
        services = {name: _service(root / FOLDER / name, document) for name, document in sound.items()}
        # Checks across manifests go on with the sound ones: all faults are told in one run. Only what a
        # broken manifest would have emitted is unknown, so events are looked at when every manifest is sound.
        _check_names(documents)
        _check_ports(services, sound)
        if len(sound) == len(documents):
            _check_events(services, sound)
            flow_rules.check({name: (one.emits, one.flows) for name, one in services.items()}, sound)
        faults = [fault for document in documents.values() for fault in document.faults]
        if faults:
            raise Refused(faults)
        return cls(tuple(services.values()))

    def __iter__(self) -> Iterator[Service]:
        return iter(self.services)

    @property
    def with_database(self) -> list[Service]:
        """Services that own a database."""
        return [service for service in self.services if service.database]


def _read(root: Path, path: Path, schema: Mapping[str, Any]) -> Document:
    document = Document.read(path, str(path.relative_to(root)), max_bytes=_MAX_BYTES)
    if not document.faults:
        document.check(schema)
    return document


def _service(folder: Path, document: Document) -> Service:
    content = document.content
    emits = [entry if isinstance(entry, str) else entry["type"] for entry in content["emits"]]
    schemas = {
        entry["type"]: _schema(folder, entry["schema"], document, ("emits", position, "schema"))
        for position, entry in enumerate(content["emits"])
        if not isinstance(entry, str) and "schema" in entry
    }
    subscriptions = tuple(Subscription(**subscription) for subscription in content["subscriptions"])
    read = {
        "emits": emits,
        "schemas": schemas,
        "subscriptions": subscriptions,
        "flows": flow_rules.read(content.get("flows", ())),
        "container": Container(**content.get("container", {})),
    }
    return Service(**{**content, **read})


def _schema(folder: Path, path: str, document: Document, where: Field) -> Mapping[str, Any]:
    try:
        return event_schemas.read(folder, path)
    except event_schemas.Unusable as error:
        document.fault(where, str(error))
        return {}


def _check_names(documents: Mapping[str, Document]) -> None:
    for folder, document in documents.items():
        name = document.content.get("name") if isinstance(document.content, dict) else None
        if not isinstance(name, str):
            continue  # told by the schema
        if name != folder:
            document.fault(("name",), f"{name!r} is not the folder's name, {folder!r}")
        elif name in RESERVED_NAMES:
            document.fault(("name",), f"{name!r} is a part of the platform: choose another")


def _check_ports(services: Mapping[str, Service], documents: Mapping[str, Document]) -> None:
    owners: dict[int, str] = {}
    for name, service in services.items():
        if service.ports[-1] not in SERVICE_PORTS:
            documents[name].fault(
                ("instances",),
                f"{service.instances} instances from port {service.port} end beyond {SERVICE_PORTS[-1]}",
            )
        for port in service.ports:
            owner = owners.setdefault(port, name)
            if owner != name:
                documents[name].fault(("port",), f"{port} is a port of {owner}")
                break


def _check_emitted(services: Mapping[str, Service], documents: Mapping[str, Document]) -> None:
    schemas: dict[str, str] = {}
    for name, service in services.items():
        for position, event_type in enumerate(service.emits):
            where = ("emits", position)
            if event_type in service.emits[:position]:
                documents[name].fault(where, f"{event_type!r} is given twice")
            elif event_type in service.schemas and schemas.setdefault(event_type, name) != name:
                documents[name].fault(where, f"{event_type!r} has its schema from {schemas[event_type]}")


def _check_events(services: Mapping[str, Service], documents: Mapping[str, Document]) -> None:
    emitted = {event_type for service in services.values() for event_type in service.emits}
    _check_emitted(services, documents)
    for name, service in services.items():
        seen: set[tuple[str, str]] = set()
        for position, subscription in enumerate(service.subscriptions):
            where = ("subscriptions", position)
            if subscription.type not in emitted:
                documents[name].fault((*where, "type"), f"no service emits {subscription.type!r}")
            if (subscription.type, subscription.path) in seen:
                detail = f"{subscription.type!r} is subscribed to twice at {subscription.path}"
                documents[name].fault((*where, "type"), detail)
            if not subscription.path.startswith(f"/{name}/"):
                documents[name].fault((*where, "path"), f"{subscription.path!r} is not below /{name}/")
            seen.add((subscription.type, subscription.path))
