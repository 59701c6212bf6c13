"""Every drill, and the alerts that have none."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from compose.cli.drills import databases, edge, host, messaging, processes, telemetry
from compose.cli.drills.drill import Drill

_FAMILIES = (processes, databases, messaging, telemetry, edge, host)


def _of(family: ModuleType) -> list[Drill]:
    """The drills of a module: its own classes that have a name."""
    found = [member for member in vars(family).values() if isinstance(member, type)]
    own = [one for one in found if issubclass(one, Drill) and one.__module__ == family.__name__]
    return [one() for one in own if "name" in vars(one)]


DRILLS: Mapping[str, Drill] = {drill.name: drill for family in _FAMILIES for drill in _of(family)}
"""By name, in the order in which `all` runs them."""

_NOT_YET = "no drill yet"

UNDRILLED: Mapping[str, str] = {
    "Watchdog": "fires always: that it arrives is awaited before any drill begins",
    # The machine's own, which other programs use, too.
    "HostDiskFilling": "needs an hour in which the machine's disk fills",
    "HostDiskFull": "needs a full disk under everything that runs on the machine",
    "HostMemoryLow": "needs a machine without memory, on which the kernel ends programs of others",
    "HostMemoryPressure": "needs a machine on which all programs wait for memory",
    "HostIoPressure": "needs a machine on which all programs wait for the disk",
    "HostFileHandlesLow": "needs nearly all files that the machine can open",
    "ClockSkew": "needs a second machine: all processes of this one have one clock",
    # What no single machine with this configuration has.
    "PostgresSlotRetains": "needs a replication slot: PostgreSQL runs with wal_level minimal, alone",
    "PostgresWalGrowing": "needs 512 MiB of log that no checkpoint may remove, as a slot holds",
    "TailSamplingOverflows": "needs tail sampling, which is off as the platform comes",
    "TraceTooLarge": "needs tail sampling, which is off as the platform comes",
    "AlertsLost": "Prometheus sends again once a minute, which shortened ranges do not see",
    # Faults in code.
    "JvmHeapFull": "needs a service that leaks",
    "OutboxUnread": "needs a relay that runs and forgets a database; one that is down is HopDown",
    "RioOutcomesNotKept": "needs an error in Rio's own code",
    "MeasurementMissing": "needs a collector that runs without one of its receivers",
    "ContractBroken": "needs a part that no longer tells what it should, for longer than an audit looks back",
    "ContractNotAudited": "needs a console that runs and does not audit for 20 min",
    # What cannot be put right again, or takes hours.
    "PrometheusStorageFailing": "needs damage to the stored metrics",
    "RioQueueLost": "needs a queue that is lost with its events",
    "RabbitMQFileDescriptors": "needs 16,000 connections, at which the alarm on memory comes first",
    "SLOBurnsFast": "looks back 30 min over what is recorded for days, which drills leave alone",
    "SLOBurnsSlowly": "looks back 12 h over what is recorded for days, which drills leave alone",
    # What could be broken on one machine.
    "CallersDenied": _NOT_YET,
    "CallersLimited": _NOT_YET,
    "CollectorQueueFilling": _NOT_YET,
    "CollectorQueueFull": _NOT_YET,
    "DiskLimitExceeded": _NOT_YET,
    "EventLoopLag": _NOT_YET,
    "FileDescriptorsLow": _NOT_YET,
    "FlowBroken": _NOT_YET,
    "FlowOverdue": _NOT_YET,
    "MetricsDropped": _NOT_YET,
    "MetricsLag": _NOT_YET,
    "NginxFilesLost": _NOT_YET,
    "NginxFilesUnread": _NOT_YET,
    "TelemetryDropped": _NOT_YET,
    "TelemetryLags": _NOT_YET,
}
"""Alerts that no drill proves, and why; cases in observability/prometheus/tests/ alone try them."""
