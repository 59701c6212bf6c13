"""The processes of all hops, and what runs them: Python and the JVM."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import ANY, USED_SHARE, Limits
from dashboards.panels import listing, series
from dashboards.promql import increase, rate
from dashboards.targets import Prom

TITLE = "Processes and runtimes"
UID = "nextphase-runtimes"

_INSTANCE = "{{instance}}"
_HOPS = 'job="hop"'
_LINKS = links.of_label("service")


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "CPU, memory and files of every hop's processes; Python, the JVM and its pool."
    )
    for part in (_processes, _python, _jvm, _pool):
        part(board)
    return board


def _processes(board: Dashboard) -> None:
    section(
        board,
        "Processes",
        series(
            "CPU",
            units.Short,
            Prom(rate("process_cpu_seconds_total", "service, instance", _HOPS), _INSTANCE),
            description="Cores in use. A Python process uses one at most.",
            limits=Limits(amber=0.8, red=0.95),
            links=_LINKS,
        ),
        series(
            "Memory",
            units.BytesIEC,
            Prom(f"process_resident_memory_bytes{{{_HOPS}}}", _INSTANCE),
            description="Resident memory. If it grows for hours at the same load, something is never freed.",
            links=_LINKS,
        ),
        series(
            "File descriptors",
            units.PercentUnit,
            Prom(f"process_open_fds{{{_HOPS}}} / process_max_fds{{{_HOPS}}}", _INSTANCE),
            description="Of those that the process may open. Each connection takes one.",
            limits=USED_SHARE,
            links=_LINKS,
        ),
        listing(
            "Age of each process",
            [
                (
                    "age",
                    units.Seconds,
                    Prom(f"time() - max by (service, instance) (process_start_time_seconds{{{_HOPS}}})"),
                )
            ],
            description="Since its start. A young process that no deploy replaced has crashed.",
            width=12,
        ),
        series(
            "Starts",
            units.Short,
            Prom(
                f"max by (service, instance) (changes(process_start_time_seconds{{{_HOPS}}}[15m]))", _INSTANCE
            ),
            description="How often a process was replaced within 15 min.",
            limits=Limits(amber=2, red=5),
            links=_LINKS,
            width=12,
        ),
    )


def _python(board: Dashboard) -> None:
    section(
        board,
        "Python",
        listing(
            "Python versions",
            [("processes", units.Short, Prom("count by (service, implementation, version) (python_info)"))],
            description="What runs each service.",
        ),
        series(
            "Lateness of the event loop",
            units.Seconds,
            Prom(
                rate("python_event_loop_lag_seconds_sum", "service, instance")
                + " / "
                + rate("python_event_loop_lag_seconds_count", "service, instance"),
                _INSTANCE,
            ),
            description="By how much a timer is late on average. Every request waits as long.",
            limits=Limits(amber=0.1, red=0.5),
            links=_LINKS,
        ),
        series(
            "Time in which the event loop is late",
            units.PercentUnit,
            Prom(rate("python_event_loop_lag_seconds_sum", "service, instance"), _INSTANCE),
            description="Share of the time in which the loop is blocked, or has more to do than it can.",
            limits=Limits(amber=0.2, red=0.5),
            links=_LINKS,
        ),
        series(
            "Threads that run Python",
            units.Short,
            Prom("python_threads", _INSTANCE),
            description="One that grows for hours is a thread that never ends.",
            links=_LINKS,
        ),
        series(
            "Garbage collections",
            units.OpsPerSecond,
            Prom(
                rate("python_gc_collections_total", "service, instance, generation"),
                "{{instance}} generation {{generation}}",
            ),
            description="Runs per second. Those of generation 2 look at every object.",
            links=_LINKS,
        ),
        series(
            "Objects collected",
            units.OpsPerSecond,
            Prom(rate("python_gc_objects_collected_total", "service, instance"), _INSTANCE),
            description="Objects in cycles that the garbage collector freed per second.",
            links=_LINKS,
        ),
        series(
            "Objects that cannot be collected",
            units.Short,
            Prom(increase("python_gc_objects_uncollectable_total", "service, instance"), _INSTANCE),
            description="Objects in cycles that stay in memory for good.",
            limits=ANY,
            links=_LINKS,
        ),
    )


def _jvm(board: Dashboard) -> None:
    section(
        board,
        "Java virtual machine",
        series(
            "Heap",
            units.BytesIEC,
            Prom('sum by (service, instance) (jvm_memory_used_bytes{area="heap"})', f"{_INSTANCE} used"),
            Prom(
                'sum by (service, instance) (jvm_memory_committed_bytes{area="heap"})',
                f"{_INSTANCE} committed",
            ),
            Prom('sum by (service, instance) (jvm_memory_max_bytes{area="heap"})', f"{_INSTANCE} limit"),
            description="Used goes up and down with each collection; what stays after one is what counts.",
            links=_LINKS,
        ),
        series(
            "Heap in use after a collection",
            units.PercentUnit,
            Prom(
                "sum by (service, instance) (jvm_memory_pool_collection_used_bytes)"
                ' / sum by (service, instance) (jvm_memory_max_bytes{area="heap"})',
                _INSTANCE,
            ),
            description="Share of the limit that the last garbage collection could not free.",
            limits=Limits(amber=0.8, red=0.9),
            links=_LINKS,
        ),
        series(
            "Time in garbage collection",
            units.PercentUnit,
            Prom(rate("jvm_gc_collection_seconds_sum", "service, instance, gc"), "{{instance}} {{gc}}"),
            description="Share of the time in which the application stood still.",
            limits=Limits(amber=0.05, red=0.2),
            links=_LINKS,
        ),
        series(
            "Memory by pool",
            units.BytesIEC,
            Prom("sum by (service, instance, pool) (jvm_memory_pool_used_bytes)", "{{instance}} {{pool}}"),
            description="Heap by generation, compiled code and classes.",
            links=_LINKS,
        ),
        series(
            "Allocated",
            units.BytesPerSecondIEC,
            Prom(rate("jvm_memory_pool_allocated_bytes_total", "service, instance"), _INSTANCE),
            description="Bytes of new objects per second: what the garbage collector has to work off.",
            links=_LINKS,
        ),
        series(
            "Threads by state",
            units.Short,
            Prom("sum by (service, instance, state) (jvm_threads_state > 0)", "{{instance}} {{state}}"),
            Prom("max by (service, instance) (jvm_threads_deadlocked)", "{{instance}} deadlocked"),
            description="BLOCKED waits for a lock of another thread.",
            links=_LINKS,
        ),
    )


def _pool(board: Dashboard) -> None:
    pool = "{{instance}} {{pool}}"
    section(
        board,
        "Connection pool of the JVM's service (HikariCP)",
        series(
            "Connections",
            units.Short,
            Prom("hikaricp_connections_active", f"{pool} in use"),
            Prom("hikaricp_connections_idle", f"{pool} idle"),
            Prom("hikaricp_connections_max", f"{pool} limit"),
            description="Requests wait when all of the limit are in use.",
            links=_LINKS,
        ),
        series(
            "Requests that wait for a connection",
            units.Short,
            Prom("hikaricp_connections_pending", pool),
            description="Threads that hold a request and have no connection yet.",
            limits=Limits(amber=1, red=5),
            links=_LINKS,
        ),
        series(
            "Longest wait for a connection",
            units.Seconds,
            Prom("hikaricp_connections_acquire_seconds_max", pool),
            description="Of the last minutes. Beyond connectionTimeout the request fails.",
            limits=Limits(amber=0.1, red=1),
            links=_LINKS,
        ),
    )
