"""PostgreSQL of an instance: its configuration and the making of its data folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from compose.cli import users
from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.secrets import SUPERUSER, Secrets
from compose.cli.site import Site

if TYPE_CHECKING:
    from compose.cli.toolbox import Toolbox

_INITDB_SECONDS = 120
_CONNECTIONS = 500
"""max_connections. Fixed, as only a restart can change it: enough for some thirty instances of services; an
unused one costs some 20 KiB."""
_CONNECTIONS_PER_INSTANCE = 12  # a service instance's pool and its migration
_CONNECTIONS_PER_DATABASE = 3  # the relay: listening, shipping, and one being replaced
_CONNECTIONS_BESIDE = 60  # Rio and its spares, the collector, people with psql, the superuser's reserve


class InitialiseError(Failure):
    """initdb failed; the tail is what it said last."""


def configuration(site: Site) -> str:
    """postgresql.conf, sized for a laptop; durability is PostgreSQL's own."""
    address = site.listen("postgres")
    return f"""\
listen_addresses = '{"*" if site.hosts else address.host}'
port = {address.port}
unix_socket_directories = ''
hba_file = '{site.config / "postgres/pg_hba.conf"}'
password_encryption = scram-sha-256
max_connections = {_CONNECTIONS}

shared_buffers = 32MB
work_mem = 2MB
maintenance_work_mem = 32MB
max_wal_size = 256MB
min_wal_size = 32MB
wal_level = minimal
max_wal_senders = 0
max_parallel_workers = 0
max_worker_processes = 2
max_logical_replication_workers = 0
autovacuum_max_workers = 1
jit = off
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.max = 1000
# Statements without parameters are kept as they were sent, and some hold passwords.
pg_stat_statements.track_utility = off

idle_in_transaction_session_timeout = 60s
log_destination = stderr
log_line_prefix = '%m [%p] %e %q%u@%d '
log_error_verbosity = terse
log_timezone = UTC
timezone = UTC
"""


def refuse_too_many(catalog: Catalog) -> None:
    """Raise Failure where all instances, and one spare, may need more connections than there are."""
    instances = sum(service.instances for service in catalog.with_database) + 1
    databases = len(catalog.with_database) * _CONNECTIONS_PER_DATABASE
    wanted = instances * _CONNECTIONS_PER_INSTANCE + databases + _CONNECTIONS_BESIDE
    if wanted > _CONNECTIONS:
        raise Failure(
            f"the instances of all services may need {wanted} connections, PostgreSQL has {_CONNECTIONS}",
            advice="Lower `instances` in services/*/service.yaml, or give services a PostgreSQL of their own",
        )


def authentication() -> str:
    """pg_hba.conf: every role by password; PostgreSQL listens where only the platform reaches it."""
    return "host all all all scram-sha-256\n"


def initialise(layout: Layout, toolbox: Toolbox) -> bool:
    """Makes the data folder where there is none yet; returns whether it did. Secrets must exist.

    initdb works in a folder of another name that is renamed when it is whole: one that was interrupted is
    made again. Raises InitialiseError.
    """
    data = layout.data / "postgres"
    if data.exists():
        return False
    partial = layout.data / "postgres.partial"
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    users.give(partial, users.POSTGRES, 0o700)
    password = layout.run / "postgres.password"  # initdb, as its own user, cannot enter the folder of secrets
    try:
        password.touch(mode=0o600)
        password.write_text(Path(Secrets(layout.secrets).password(SUPERUSER)).read_text())
        users.give(password, users.POSTGRES, 0o600)
        _initdb(toolbox.postgres_bin / "initdb", partial, password)
    finally:
        password.unlink(missing_ok=True)
    partial.rename(data)
    return True


def _initdb(initdb: Path, data: Path, password: Path) -> None:
    options = [f"--pgdata={data}", f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"]
    try:
        subprocess.run(
            [*users.run_as(users.POSTGRES), str(initdb), *options],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            timeout=_INITDB_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise InitialiseError("initdb failed", tail=error.stdout.splitlines()[-15:]) from error
    except subprocess.TimeoutExpired as error:
        raise InitialiseError(f"initdb did not end within {_INITDB_SECONDS} s") from error
