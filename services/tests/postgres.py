"""PostgreSQL for tests: a cluster of its own, and each service's database with its real migrations."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from services.tests.manifest import ROOT, Manifest
from tests.ports import free_port

TIMEOUT_SECONDS = 30


class Postgres:
    """A cluster in `folder`; listens on a free port of loopback and trusts whoever connects."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self._port = free_port()
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """A started cluster in a temporary folder, gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="nextphase-postgres-"))
        if _is_root():
            shutil.chown(folder, "postgres", "postgres")
        try:
            server = cls(folder)
            server.start()
            try:
                yield server
            finally:
                server.stop()
        finally:
            shutil.rmtree(folder)

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        options = f"-F -p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        log = self._folder / "server.log"
        self._run("pg_ctl", "start", "--wait", f"--log={log}", f"--options={options}")

    def stop(self) -> None:
        """Stop it, cutting its connections, and wait until it is gone."""
        self._run("pg_ctl", "stop", "--wait", "--mode=fast")

    @property
    def pid(self) -> int:
        """Of the process that is the parent of all others."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, name: str) -> str:
        """The address of the database `name` for the role of that name."""
        return f"postgresql://{name}@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if _is_root() else []
        command = [*user, str(self._bin / program), f"--pgdata={self._folder / 'data'}", *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS)


class Databases:
    """The databases of a cluster, each made when first asked for."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self._made: dict[str, Rows] = {}
        Rows(server.url("postgres"))("CREATE ROLE relay LOGIN")

    def of(self, service: str) -> "Rows":
        """A service's database, brought up to date by its manifest's own command."""
        if service not in self._made:
            rows = self.empty(service)
            _migrate(Manifest.of(service), rows.url)
            self._made[service] = rows
        return self._made[service]

    def empty(self, name: str) -> "Rows":
        """A new database that belongs to a new role of the same name."""
        administrator = Rows(self.server.url("postgres"))
        administrator(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        administrator(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
        return Rows(self.server.url(name))


class Rows:
    """A look into a database from outside of the service: call it with a statement, get the rows."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, statement: str | sql.Composed, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=3) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []


def _migrate(manifest: Manifest, url: str) -> None:
    environment = {**os.environ, **manifest.environment, "DATABASE_URL": url}
    subprocess.run(
        [sys.executable, *manifest.migrate[1:]],
        check=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        timeout=300,
    )


def _is_root() -> bool:
    return os.geteuid() == 0
