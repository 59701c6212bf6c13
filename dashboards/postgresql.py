"""PostgreSQL: connections, transactions, statements, tables and the write-ahead log."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import FAILED_SHARE, SLOW_SECONDS, UP, USED_SHARE, Limits
from dashboards.panels import lines, listing, number, series
from dashboards.promql import increase, or_zero, quantile, rate, share
from dashboards.targets import Prom

TITLE = "PostgreSQL"
UID = "nextphase-postgresql"

_DATABASE = "{{database}}"
_CALLER = "{{client}}"
_SERVER = 'server=~"postgresql/.+"'
_WAL = Limits(amber=1, red=2)


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID, "The database server that all services share, one database each.")
    for part in (_state, _callers, _transactions, _connections, _statements, _storage, _logs):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "Up",
            units.Short,
            Prom("postgresql_up", "postgres"),
            description="Whether the collector can read its statistics.",
            limits=UP,
        ),
        number(
            "Connections taken",
            units.PercentUnit,
            Prom("sum(postgresql_connections) / max(postgresql_connections_limit)", "taken"),
            description="Share of max_connections. At 100 % new connections are refused.",
            limits=USED_SHARE,
        ),
        number(
            "Longest transaction",
            units.Seconds,
            Prom("max(postgresql_transaction_longest_seconds)", "longest"),
            description="Age of the oldest open transaction. While it is open, vacuum cannot remove dead"
            " rows.",
            limits=Limits(amber=30, red=120),
        ),
        number(
            "Waiting for locks",
            units.Short,
            Prom("postgresql_locks_waiting", "waiting"),
            description="Lock requests that another transaction's lock holds up now.",
            limits=Limits(amber=1, red=10),
        ),
        number(
            "Read from memory",
            units.PercentUnit,
            Prom(
                share(
                    rate("postgresql_blocks_hit_total", "", window="5m"),
                    f"{rate('postgresql_blocks_hit_total', '', window='5m')}"
                    f" + {rate('postgresql_blocks_read_total', '', window='5m')}",
                ),
                "from memory",
            ),
            description="Share of the blocks read over 5 min that were in shared_buffers already.",
            limits=Limits(amber=0.95, red=0.8, good_is_high=True),
        ),
        number(
            "Write-ahead log by its limit",
            units.PercentUnit,
            Prom("postgresql_wal_size_bytes / postgresql_wal_size_limit_bytes", "used"),
            description="Size of the write-ahead log by max_wal_size. It grows beyond when a slot holds it.",
            limits=_WAL,
        ),
    )


def _callers(board: Dashboard) -> None:
    calls = rate("traces_service_graph_request_total", "client", _SERVER)
    failed = rate("traces_service_graph_request_failed_total", "client", _SERVER)
    durations = rate("traces_service_graph_request_client_seconds_bucket", "client, le", _SERVER)
    section(
        board,
        "As the services see it",
        series(
            "Statements by service",
            units.RequestsPerSecond,
            Prom(calls, _CALLER),
            description="Database spans of sampled traces per second.",
            links=links.of_label("client"),
        ),
        series(
            "Failed statements by service",
            units.PercentUnit,
            Prom(share(failed, calls), _CALLER),
            description="Share of the statements that ended with an error.",
            limits=FAILED_SHARE,
            links=links.of_label("client"),
        ),
        series(
            "Statement duration p95 by service",
            units.Seconds,
            Prom(quantile(0.95, durations), _CALLER, exemplars=True),
            description="As the service waits for it, network included. The dots are traces.",
            limits=SLOW_SECONDS,
            links=links.of_label("client"),
        ),
    )


def _transactions(board: Dashboard) -> None:
    section(
        board,
        "Transactions",
        series(
            "Commits",
            units.OpsPerSecond,
            Prom(rate("postgresql_commits_total", "database"), _DATABASE),
            description="Transactions committed per second.",
        ),
        series(
            "Rollbacks",
            units.OpsPerSecond,
            Prom(rate("postgresql_rollbacks_total", "database"), _DATABASE),
            description="Transactions rolled back per second, by error or on purpose.",
            limits=Limits(amber=1, red=10),
        ),
        series(
            "Deadlocks and conflicts",
            units.Short,
            Prom(increase("postgresql_deadlocks_total", "database"), f"{_DATABASE} deadlocks"),
            Prom(increase("postgresql_conflicts_total", "database"), f"{_DATABASE} conflicts"),
            description="Transactions that PostgreSQL ended because they waited for each other,"
            " and queries that recovery cancelled.",
            limits=Limits(amber=1, red=5),
        ),
    )


def _connections(board: Dashboard) -> None:
    section(
        board,
        "Connections and locks",
        series(
            "Connections by state",
            units.Short,
            Prom("sum by (state) (postgresql_connections)", "{{state}}"),
            description="Idle in transaction holds locks while its client does something else.",
        ),
        series(
            "Connections by database",
            units.Short,
            Prom("sum by (database) (postgresql_connections)", _DATABASE),
            Prom("max(postgresql_connections_limit)", "limit of all"),
            description="Each service has a pool for its own database.",
        ),
        series(
            "Locks by mode",
            units.Short,
            Prom("sum by (mode) (postgresql_locks)", "{{mode}}"),
            Prom("max(postgresql_locks_waiting)", "waiting"),
            description="Locks held now; waiting is those not granted yet.",
        ),
    )


def _statements(board: Dashboard) -> None:
    by = "database, query"
    time = rate("postgresql_statement_duration_seconds_total", by, window="5m")
    calls = rate("postgresql_statement_calls_total", by, window="5m")
    rows = rate("postgresql_statement_rows_total", by, window="5m")
    section(
        board,
        "Statements",
        listing(
            "Statements that take most time",
            [
                ("time per second", units.Seconds, Prom(f"topk(20, {time})")),
                ("calls", units.RequestsPerSecond, Prom(f"{calls} and topk(20, {time})")),
                ("mean duration", units.Seconds, Prom(f"{time} / ({calls} > 0) and topk(20, {time})")),
                ("rows per second", units.RowsPerSecond, Prom(f"{rows} and topk(20, {time})")),
            ],
            description="Of the 20 statements that took most time since they were first run, over 5 min.",
        ),
    )


def _storage(board: Dashboard) -> None:
    section(
        board,
        "Storage",
        series(
            "Size by database",
            units.BytesIEC,
            Prom("max by (database) (postgresql_database_size_bytes)", _DATABASE),
            description="Tables and indexes on disk.",
        ),
        series(
            "Write-ahead log",
            units.BytesIEC,
            Prom("max(postgresql_wal_size_bytes)", "on disk"),
            Prom("max(postgresql_wal_size_limit_bytes)", "max_wal_size"),
            Prom(or_zero("max(postgresql_replication_slot_retained_bytes)"), "kept for a replication slot"),
            description="Checkpoints remove what is no longer needed; a slot that nothing reads keeps all"
            " of it.",
        ),
        series(
            "Written",
            units.BytesPerSecondIEC,
            Prom(rate("postgresql_wal_written_bytes_total", ""), "write-ahead log"),
            Prom(
                rate("postgresql_temporary_written_bytes_total", "database"), f"{_DATABASE} temporary files"
            ),
            description="Temporary files are sorts and joins that did not fit into work_mem.",
        ),
        listing(
            "Largest tables",
            [
                (
                    "size",
                    units.BytesIEC,
                    Prom("topk(15, sum by (database, table) (postgresql_table_size_bytes))"),
                ),
                (
                    "rows",
                    units.Short,
                    Prom(
                        "sum by (database, table) (postgresql_table_rows)"
                        " and topk(15, sum by (database, table) (postgresql_table_size_bytes))"
                    ),
                ),
                (
                    "dead rows",
                    units.Short,
                    Prom(
                        "sum by (database, table) (postgresql_table_dead_rows)"
                        " and topk(15, sum by (database, table) (postgresql_table_size_bytes))"
                    ),
                ),
            ],
            description="With indexes. Dead rows wait for vacuum; many of them are a vacuum that does not"
            " run.",
        ),
    )


def _logs(board: Dashboard) -> None:
    section(
        board,
        "Log lines",
        lines(
            "PostgreSQL's log",
            '{service_name="postgres"}',
            description="With the statement that a message is about.",
        ),
    )
