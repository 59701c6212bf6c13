"""The machine that all parts share."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import new_dashboard, section
from dashboards.limits import ANY, USED_SHARE, Limits
from dashboards.panels import number, series
from dashboards.promql import rate
from dashboards.targets import Prom

TITLE = "Host"
UID = "nextphase-host"

_DEVICE = "{{device}} {{direction}}"
_BUSY = (
    '1 - sum(rate(system_cpu_time_seconds_total{state="idle"}[1m]))'
    " / sum(rate(system_cpu_time_seconds_total[1m]))"
)
_MEMORY = "1 - system_linux_memory_available_bytes / on (service) system_memory_limit_bytes"
_DISK = (
    'max by (device) (system_filesystem_usage_bytes{state="used"}) / ('
    'max by (device) (system_filesystem_usage_bytes{state="used"})'
    ' + max by (device) (system_filesystem_usage_bytes{state="free"}))'
)
_FILES = "system_file_handles / on (service) system_file_handles_limit"
_STALLED = Limits(amber=0.2, red=0.5)


def build() -> Dashboard:
    board = new_dashboard(
        TITLE,
        UID,
        "CPU, memory, disks and network of the machine. In containers the network is the container's own.",
    )
    for part in (_state, _cpu, _memory, _disks, _network):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "CPU in use",
            units.PercentUnit,
            Prom(_BUSY, "in use"),
            description="Share of all cores over 1 min.",
            limits=USED_SHARE,
        ),
        number(
            "Load by core",
            units.Short,
            Prom("system_cpu_load_average_1m / on (service) system_cpu_logical_count", "load"),
            description="Tasks that run or want to, by core, over 1 min. Above 1 they wait for each other.",
            limits=Limits(amber=1.5, red=4),
        ),
        number(
            "Memory in use",
            units.PercentUnit,
            Prom(_MEMORY, "in use"),
            description="What cannot be had without swapping: the page cache is not counted.",
            limits=USED_SHARE,
        ),
        number(
            "Fullest disk",
            units.PercentUnit,
            Prom(f"max({_DISK})", "used"),
            description="Share used of the fullest file system that a part of the platform may write to.",
            limits=USED_SHARE,
        ),
        number(
            "File handles",
            units.PercentUnit,
            Prom(_FILES, "open"),
            description="Of those that the whole machine may open.",
            limits=USED_SHARE,
        ),
        number(
            "Blocked processes",
            units.Short,
            Prom('system_processes_count{status="blocked"}', "blocked"),
            description="Processes that wait for a disk now.",
            limits=Limits(amber=5, red=20),
        ),
    )


def _cpu(board: Dashboard) -> None:
    stalled = 'rate(system_pressure_stalled_seconds_total{resource="cpu"}[$__rate_interval])'
    section(
        board,
        "CPU",
        series(
            "CPU by state",
            units.Short,
            Prom(rate("system_cpu_time_seconds_total", "state", 'state!="idle"'), "{{state}}"),
            description="Cores in use. wait is idle while a disk works; steal is what the hypervisor took.",
        ),
        series(
            "Load",
            units.Short,
            Prom("system_cpu_load_average_1m", "over 1 min"),
            Prom("system_cpu_load_average_5m", "over 5 min"),
            Prom("system_cpu_load_average_15m", "over 15 min"),
            Prom("system_cpu_logical_count", "cores"),
            description="Tasks that run, want to run, or wait for a disk.",
        ),
        series(
            "Time spent waiting for CPU",
            units.PercentUnit,
            Prom(f"sum by (tasks) ({stalled})", "{{tasks}} tasks"),
            description="Share of the time in which some or all tasks could not run for want of a core.",
            limits=_STALLED,
        ),
        series(
            "CPU by process of the platform",
            units.Short,
            Prom(rate("process_cpu_seconds_total", "instance"), "{{instance}}"),
            Prom(rate("otelcol_process_cpu_seconds_total", "instance"), "{{instance}}"),
            description="Cores in use by each process that tells of itself; nginx, PostgreSQL and RabbitMQ"
            " do not.",
            width=12,
        ),
        series(
            "Processes",
            units.Short,
            Prom("sum by (status) (system_processes_count)", "{{status}}"),
            Prom("rate(system_processes_created_total[$__rate_interval])", "started per second"),
            description="Of the whole machine.",
            width=12,
        ),
    )


def _memory(board: Dashboard) -> None:
    stalled = 'rate(system_pressure_stalled_seconds_total{resource="memory"}[$__rate_interval])'
    section(
        board,
        "Memory",
        series(
            "Memory by use",
            units.BytesIEC,
            Prom("sum by (state) (system_memory_usage_bytes)", "{{state}}"),
            Prom("max(system_linux_memory_available_bytes)", "available"),
            description="Cached and buffered are freed when a process needs them.",
        ),
        series(
            "Swapping",
            units.OpsPerSecond,
            Prom(rate("system_paging_operations_total", "direction", 'type="major"'), "{{direction}}"),
            description="Pages read from and written to disk per second.",
            limits=Limits(amber=100, red=1000),
        ),
        series(
            "Time spent waiting for memory",
            units.PercentUnit,
            Prom(f"sum by (tasks) ({stalled})", "{{tasks}} tasks"),
            description="Share of the time in which some or all tasks waited for pages.",
            limits=Limits(amber=0.05, red=0.1),
        ),
    )


def _disks(board: Dashboard) -> None:
    stalled = 'rate(system_pressure_stalled_seconds_total{resource="io"}[$__rate_interval])'
    section(
        board,
        "Disks",
        series(
            "Used by file system",
            units.PercentUnit,
            Prom(_DISK, "{{device}}"),
            Prom(
                'max by (device) (system_filesystem_inodes_usage{state="used"})'
                " / sum by (device) (max by (device, state) (system_filesystem_inodes_usage))",
                "{{device}} inodes",
            ),
            description="Share of the space, and of the number of files.",
            limits=USED_SHARE,
        ),
        series(
            "Throughput",
            units.BytesPerSecondIEC,
            Prom(rate("system_disk_io_bytes_total", "device, direction"), _DEVICE),
            description="Bytes read and written per second.",
        ),
        series(
            "Operations",
            units.OpsPerSecond,
            Prom(rate("system_disk_operations_total", "device, direction"), _DEVICE),
            description="Reads and writes per second.",
        ),
        series(
            "Time busy",
            units.PercentUnit,
            Prom(rate("system_disk_io_time_seconds_total", "device"), "{{device}}"),
            description="Share of the time in which the device had something to do.",
            limits=USED_SHARE,
        ),
        series(
            "Time spent waiting for disks",
            units.PercentUnit,
            Prom(f"sum by (tasks) ({stalled})", "{{tasks}} tasks"),
            description="Share of the time in which some or all tasks waited for a disk.",
            limits=_STALLED,
        ),
        series(
            "Used by store",
            units.PercentUnit,
            Prom("max by (store) (disk_store_size_bytes / disk_store_limit_bytes)", "{{store}}"),
            description="Share of its disk_megabytes in compose/platform.yaml. Natively only.",
            limits=Limits(amber=0.95, red=1.05),
        ),
    )


def _network(board: Dashboard) -> None:
    section(
        board,
        "Network",
        series(
            "Traffic",
            units.BytesPerSecondIEC,
            Prom(rate("system_network_io_bytes_total", "device, direction"), _DEVICE),
            description="Bytes per second. lo is what the parts say to each other on this machine.",
        ),
        series(
            "Errors",
            units.CountsPerSecond,
            Prom(rate("system_network_errors_total", "device, direction"), _DEVICE),
            description="Packets per second that the device reports as damaged.",
            limits=ANY,
        ),
        series(
            "Dropped packets",
            units.CountsPerSecond,
            Prom(rate("system_network_dropped_total", "device, direction"), _DEVICE),
            description="Packets per second that the machine had no room for.",
            limits=ANY,
        ),
    )
