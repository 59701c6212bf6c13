"""Which hop calls which: the service graph as traces show it, beside the calls that the catalog allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from compose.cli import architecture
from compose.cli.catalog import Catalog
from compose.cli.telemetry import Telemetry, known

#: How a caller waits for what it calls, as the collector's service graph names it: HTTP has no name there.
DATABASE, MESSAGING = "database", "messaging_system"

_OWN_CALLS: Mapping[str, tuple[str, ...]] = {
    "edge-nginx": ("gateway",),
    "gateway": ("services-nginx",),
    "relay": ("rio",),
    "rio": ("services-nginx",),
}
"""The calls that every platform has, beside those of its services."""
_LABELS = "client, server, connection_type"


class Edge(NamedTuple):
    """A hop, and what it calls."""

    client: str
    server: str


@dataclass(frozen=True)
class Calls:
    """The calls along an edge in the time looked at.

    kind: empty for HTTP, else `database` or `messaging_system`. p95_seconds: of what the server took; None
    where it is not known, as there were too few.
    """

    edge: Edge
    kind: str
    count: int
    failed: int
    p95_seconds: float | None
    allowed: bool


@dataclass(frozen=True)
class ServiceMap:
    """calls: by their edges. missing: edges that the catalog has and no trace."""

    calls: list[Calls]
    missing: list[Edge]

    @property
    def not_allowed(self) -> list[Calls]:
        """The calls that the catalog does not allow."""
        return [calls for calls in self.calls if not calls.allowed]


def expected(catalog: Catalog) -> Iterator[Edge]:
    """The edges that there should be: services nginx calls every service, which calls its database."""
    for client, servers in _OWN_CALLS.items():
        yield from (Edge(client, server) for server in servers)
    yield from (Edge("services-nginx", service.name) for service in catalog)
    yield from (
        Edge(service.name, architecture.database_of(service.name)) for service in catalog if service.database
    )


def look(telemetry: Telemetry, catalog: Catalog, seconds: int) -> ServiceMap:
    """The calls of the last `seconds`. Raises TelemetryError where Prometheus does not answer."""
    wanted = set(expected(catalog))
    allowed = {Edge(*call) for call in architecture.calls(catalog)}
    counts = _by_edge(telemetry, _counted("traces_service_graph_request_total", seconds))
    failures = _by_edge(telemetry, _counted("traces_service_graph_request_failed_total", seconds))
    buckets = f"sum by ({_LABELS}, le) (rate(traces_service_graph_request_server_seconds_bucket[{seconds}s]))"
    p95 = _by_edge(telemetry, f"histogram_quantile(0.95, {buckets})")
    calls = [
        Calls(
            edge,
            kind,
            round(count),
            round(failures.get((edge, kind), 0)),
            known(p95.get((edge, kind))),
            edge in allowed or kind in (DATABASE, MESSAGING),
        )
        for (edge, kind), count in sorted(counts.items())
        if round(count)
    ]
    return ServiceMap(calls, sorted(wanted - {one.edge for one in calls}))


def _counted(counter: str, seconds: int) -> str:
    """A query for how much a counter grew; where it is younger than the time, its first value counts."""
    window = f"[{seconds}s]"
    born = f"(min_over_time({counter}{window}) unless {counter} offset {seconds}s)"
    grown = f"increase({counter}{window})"
    return f"sum by ({_LABELS}) ({grown} + {born} or {grown} or {born})"


def _by_edge(telemetry: Telemetry, query: str) -> dict[tuple[Edge, str], float]:
    return {
        (Edge(labels.get("client", ""), labels.get("server", "")), labels.get("connection_type", "")): value
        for labels, value in telemetry.metric(query)
    }
