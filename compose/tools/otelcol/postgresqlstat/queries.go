package postgresqlstat

// query is one look at the server. Its columns are the labels' values, as text, and then the metrics' values.
type query struct {
	sql     string
	labels  []string
	metrics []definition
}

// definition is a metric that a column gives: a counter where the server only ever adds to it, else a gauge.
type definition struct {
	name        string
	unit        string
	description string
	isCounter   bool
}

// server are the queries that one connection answers for all databases.
var server = []query{
	{
		sql:     `SELECT split_part(current_setting('server_version'), ' ', 1), 1`,
		labels:  []string{"version"},
		metrics: []definition{{name: "postgresql.build_info", description: "1, of the version that the label names."}},
	},
	{
		sql: `
SELECT extract(epoch FROM pg_postmaster_start_time()),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()),
       (SELECT setting::bigint * 1048576 FROM pg_settings WHERE name = 'max_wal_size'),
       (SELECT wal_bytes FROM pg_stat_wal),
       (SELECT count(*) FROM pg_locks WHERE NOT granted)`,
		metrics: []definition{
			{name: "postgresql.start_time", unit: "s", description: "When the server started, since the epoch."},
			{name: "postgresql.connections.limit", description: "Connections that there may be, without the superuser's."},
			{name: "postgresql.wal.size", unit: "By", description: "Size of the files of the write-ahead log."},
			{name: "postgresql.wal.size.limit", unit: "By", description: "Size (max_wal_size) that checkpoints hold it to."},
			{name: "postgresql.wal.written", unit: "By", description: "Bytes written to the write-ahead log.", isCounter: true},
			{name: "postgresql.locks.waiting", description: "Locks that are waited for."},
		},
	},
	{
		sql: `
SELECT d.datname, state.state, count(a.pid),
       coalesce(extract(epoch FROM max(clock_timestamp() - a.xact_start)), 0)
FROM pg_database d
CROSS JOIN unnest(ARRAY['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)']) AS state (state)
LEFT JOIN pg_stat_activity a
       ON a.datid = d.oid AND a.state = state.state AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
WHERE NOT d.datistemplate
GROUP BY d.datname, state.state`,
		labels: []string{"database", "state"},
		metrics: []definition{
			{name: "postgresql.connections", description: "Connections of clients."},
			{name: "postgresql.transaction.longest", unit: "s", description: "Age of the oldest open transaction."},
		},
	},
	{
		sql: `
SELECT d.datname, xact_commit, xact_rollback, deadlocks, conflicts, temp_bytes, blks_hit, blks_read,
       pg_database_size(d.oid)
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid
WHERE NOT datistemplate`,
		labels: []string{"database"},
		metrics: []definition{
			{name: "postgresql.commits", description: "Transactions committed.", isCounter: true},
			{name: "postgresql.rollbacks", description: "Transactions rolled back.", isCounter: true},
			{name: "postgresql.deadlocks", description: "Deadlocks, each of which ended a transaction.", isCounter: true},
			{name: "postgresql.conflicts", description: "Queries cancelled for recovery.", isCounter: true},
			{name: "postgresql.temporary.written", unit: "By", description: "Bytes of temporary files.", isCounter: true},
			{name: "postgresql.blocks.hit", description: "Blocks found in shared buffers.", isCounter: true},
			{name: "postgresql.blocks.read", description: "Blocks read from files.", isCounter: true},
			{name: "postgresql.database.size", unit: "By", description: "Size of the database's files."},
		},
	},
	{
		sql: `
SELECT mode.mode, count(l.mode)
FROM unnest(ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
     'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']) AS mode (mode)
LEFT JOIN pg_locks l ON l.mode = mode.mode AND l.granted
GROUP BY mode.mode`,
		labels:  []string{"mode"},
		metrics: []definition{{name: "postgresql.locks", description: "Locks that are held."}},
	},
	{
		sql: `
SELECT slot_name, active::int,
       greatest(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                     ELSE pg_current_wal_lsn() END, restart_lsn), 0)
FROM pg_replication_slots WHERE restart_lsn IS NOT NULL ORDER BY 3 DESC LIMIT 20`,
		labels: []string{"slot"},
		metrics: []definition{
			{name: "postgresql.replication_slot.active", description: "Whether a standby reads from the slot."},
			{name: "postgresql.replication_slot.retained", unit: "By", description: "Write-ahead log kept for the slot."},
		},
	},
	{
		// As many as a page shows: a label's values must be bounded. Of statements with parameters alone: PostgreSQL keeps
		// the others (ALTER ROLE, for one) as they were sent, passwords included. PostgreSQL counts a statement for each role.
		sql: `
SELECT datname, queryid::text, left(regexp_replace(min(query), '\s+', ' ', 'g'), 120),
       sum(calls), sum(total_exec_time) / 1000, sum(rows)
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE toplevel AND userid <> current_user::regrole AND query ~* '^\s*(select|insert|update|delete|merge|with)\M'
GROUP BY datname, queryid ORDER BY sum(total_exec_time) DESC LIMIT 20`,
		labels: []string{"database", "query_id", "query"},
		metrics: []definition{
			{name: "postgresql.statement.calls", description: "Times a statement was run.", isCounter: true},
			{name: "postgresql.statement.duration", unit: "s", description: "Time its runs took together.", isCounter: true},
			{name: "postgresql.statement.rows", description: "Rows it returned or changed.", isCounter: true},
		},
	},
}

// perDatabase are the queries that each database answers for itself.
var perDatabase = []query{
	{
		sql: `
SELECT current_database(), schemaname || '.' || relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup
FROM pg_stat_user_tables ORDER BY 3 DESC LIMIT 30`,
		labels: []string{"database", "table"},
		metrics: []definition{
			{name: "postgresql.table.size", unit: "By", description: "Size of a table with its indexes."},
			{name: "postgresql.table.rows", description: "Rows of a table, estimated."},
			{name: "postgresql.table.dead_rows", description: "Rows of a table that vacuum has to remove, estimated."},
		},
	},
}
