"""The settings of the platform as a whole: compose/platform.yaml."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from compose.cli import routes
from compose.cli.layout import GATEWAY_PROCESSES
from compose.cli.notifications import Notifications
from compose.cli.refusal import Refused
from compose.cli.sampling import Sampling
from observability.configuration.yaml_document import Document, Field

FILE = Path("compose/platform.yaml")
SCHEMA = Path("compose/platform.schema.json")
_MAX_BYTES = 64 * 1024
FAST = "fast"
"""The tracer of `observability.tracer`."""
DISPATCHER = "rio-dispatcher"


@dataclass(frozen=True)
class Edge:
    """The edge's limits of one client, and its trust in a caller's trace context.

    burst: requests ahead of the rate. trace: what becomes of the trace of a caller outside `trusted`
    (continue, link or ignore). trusted: networks of callers whose traces and baggage pass. baggage: keys
    that pass from others, too.
    """

    requests_per_second: int
    burst: int
    body_bytes: int
    trace: str = "link"
    trusted: Sequence[str] = ("127.0.0.0/8", "::1/128")
    baggage: Sequence[str] = ()

    @property
    def event_bytes(self) -> int:
        """Bytes of a body that has an event with data of `body_bytes`: in base64, with its attributes."""
        return self.body_bytes * 4 // 3 + 128 * 1024


@dataclass(frozen=True)
class Kept:
    """Retention in hours and megabytes: what is older, or beyond the size, is deleted."""

    hours: int
    megabytes: int


@dataclass(frozen=True)
class Listed:
    """Retention in hours and rows: rows that are older, or beyond the number, are deleted."""

    hours: int
    rows: int


@dataclass(frozen=True)
class Rio:
    """dispatchers: processes that deliver. allowed_sinks: private places events may be delivered to.
    deduplication_hours: how long the same (source, id) is the same event. waiting_megabytes: how much may
    wait for a subscription that is paused or whose sink fails. The others are retention."""

    dispatchers: int
    allowed_sinks: Sequence[str]
    deduplication_hours: int
    event_log: Kept
    dead_letters: Kept
    deliveries: Listed
    waiting_megabytes: int

    @property
    def dispatcher_names(self) -> list[str]:
        """Names of the dispatchers' processes."""
        return [
            DISPATCHER if number == 0 else f"{DISPATCHER}-{number + 1}" for number in range(self.dispatchers)
        ]


@dataclass(frozen=True)
class DiskMegabytes:
    """The room on disk that each store and kind of log file may take, in MiB: 5 GiB together."""

    traces: int = 1280
    logs: int = 640
    metrics: int = 512
    telemetry_queues: int = 640
    nginx_files: int = 512
    process_files: int = 384
    databases: int = 512
    queues: int = 640


@dataclass(frozen=True)
class Console:
    """show_payloads: whether it shows the bodies of events to everyone who reaches it."""

    show_payloads: bool = False


@dataclass(frozen=True)
class External:
    """An existing store that is used in place of ours. url: base URL of its API; of an OTLP endpoint, what
    `/v1/traces` is appended to. remote_write_url: where a Prometheus takes metrics. headers_file: what it
    asks of its clients, see stores.read_headers."""

    url: str
    remote_write_url: str = ""
    headers_file: Path | None = None


@dataclass(frozen=True)
class ExistingStores:
    """The existing stores; None where our own is used. accepts_remote_write: whether our own Prometheus takes
    metrics of other instances."""

    otlp: External | None = None
    jaeger: External | None = None
    loki: External | None = None
    prometheus: External | None = None
    alertmanager: External | None = None
    grafana: External | None = None
    accepts_remote_write: bool = False

    @property
    def replaced(self) -> frozenset[str]:
        """The stores of ours that are not started: an existing one is used, or nothing would use ours."""
        alerts = self.alertmanager or self.prometheus  # an agent sends no alerts
        found = {"jaeger": self.otlp, "loki": self.loki, "alertmanager": alerts}
        return frozenset(name for name, external in found.items() if external)


@dataclass(frozen=True)
class Platform:
    """edge: what a client may. gateway_processes: at least 1. Retention of telemetry in hours, and what
    everything may take of the disk. tools: binaries to use in place of those the set-up builds, by the tool's
    name. telemetry: stores that exist. tracer: what makes the Python hops' own spans, `fast` or `sdk`.
    sampling: which traces are stored. notifications: who is told of alerts."""

    edge: Edge
    gateway_processes: int
    rio: Rio
    console: Console
    traces_hours: int
    logs_hours: int
    metrics_hours: int
    disk_megabytes: DiskMegabytes
    tools: Mapping[str, Path]
    telemetry: ExistingStores
    tracer: str
    sampling: Sampling
    notifications: Notifications

    @classmethod
    def load(cls, root: Path) -> Platform:
        """Reads and checks the settings of the checkout `root`; raises Refused with every fault."""
        document = _read(root)
        if not document.faults:
            document.check(json.loads((root / SCHEMA).read_text()))
        if document.faults:
            raise Refused(document.faults)
        for number, network in enumerate(document.content["edge"].get("trusted", ())):
            if fault := _network_fault(network):
                raise refused(root, ("edge", "trusted", number), fault)
        if sampled := document.content.get("sampling", {}).get("routes"):
            known = {f"{route['method']} {route['path']}" for route in routes.load(root)}
            if unknown := next((route for route in sampled if route not in known), None):
                raise refused(root, ("sampling", "routes", unknown), f"is no route of {routes.FILE}")
        platform = cls._from(document.content)
        if platform.notifications and "alertmanager" in platform.telemetry.replaced:
            raise refused(root, ("notifications",), "has no effect: alerts go to a store that exists")
        return platform

    @classmethod
    def _from(cls, content: dict[str, Any]) -> Platform:
        processes = content["gateway"]["processes"]
        rio = content["rio"]
        kept = {name: Kept(**rio[name]) for name in ("event_log", "dead_letters")}
        return cls(
            edge=Edge(**content["edge"]),
            gateway_processes=_cores() if processes == "auto" else processes,
            rio=Rio(**{**rio, **kept, "deliveries": Listed(**rio["deliveries"])}),
            console=Console(**content.get("console", {})),
            **content["retention"],
            disk_megabytes=DiskMegabytes(**content.get("disk_megabytes", {})),
            tools={name: Path(path) for name, path in content.get("tools", {}).items()},
            telemetry=_telemetry(content.get("telemetry", {})),
            tracer=content.get("tracer", FAST),
            sampling=Sampling.of(content.get("sampling", {})),
            notifications=Notifications.of(content.get("notifications", {})),
        )


def _telemetry(content: Mapping[str, Any]) -> ExistingStores:
    accepts = content.get("accepts_remote_write", False)
    stores = {name: _external(**given) for name, given in content.items() if isinstance(given, Mapping)}
    return ExistingStores(accepts_remote_write=accepts, **stores)


def _external(url: str, remote_write_url: str = "", headers_file: str | None = None) -> External:
    return External(url.rstrip("/"), remote_write_url, Path(headers_file) if headers_file else None)


def refused(root: Path, where: Field, message: str) -> Refused:
    """The refusal of a setting that follows the schema and is wrong all the same; with its line."""
    document = _read(root)
    document.fault(where, message)
    return Refused(document.faults)


def _read(root: Path) -> Document:
    return Document.read(root / FILE, str(FILE), max_bytes=_MAX_BYTES)


def _network_fault(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return None


def _cores() -> int:
    """Cores this process may use; at most as many as the gateway has ports."""
    return min(len(os.sched_getaffinity(0)), GATEWAY_PROCESSES)
