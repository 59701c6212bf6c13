"""PostgreSQL for real: the data folder, then roles and databases, twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import databases, environment, files, postgres, secrets, users
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.setup import programs
from compose.cli.site import Site
from compose.cli.tests import checkout
from compose.cli.toolbox import Toolbox

BIN = programs.postgres_bin()
pytestmark = [pytest.mark.config, pytest.mark.skipif(BIN is None, reason="PostgreSQL is not installed")]


@pytest.fixture
def toolbox() -> Toolbox:
    assert BIN is not None
    found = {name: Path("/tools") / name for name in Toolbox.__dataclass_fields__}
    return Toolbox(**(found | {"postgres_bin": BIN}))


@pytest.fixture
def layout() -> Iterator[Layout]:
    # Not pytest's folder: the user postgres has to reach it.
    root = Path("/tmp") / f"nextphase-test-{os.getpid()}"
    root.mkdir(mode=0o755)
    try:
        yield Layout.open(checkout.make(root), "test-postgres")
    finally:
        shutil.rmtree(root)


def test_a_data_folder_is_made_once_and_a_torn_one_again(layout: Layout, toolbox: Toolbox) -> None:
    secrets.ensure(layout.secrets, Catalog.load(layout.root))
    torn = layout.data / "postgres.partial"
    torn.mkdir()
    (torn / "PG_VERSION").write_text("15\n")
    assert postgres.initialise(layout, toolbox)
    assert (layout.data / "postgres/global/pg_control").stat().st_size > 0
    assert not torn.exists()
    assert not postgres.initialise(layout, toolbox)
    assert not list(layout.run.iterdir())


def test_roles_and_databases(layout: Layout, toolbox: Toolbox) -> None:
    catalog, site = Catalog.load(layout.root), Site.native(layout)
    secrets.ensure(layout.secrets, catalog)
    postgres.initialise(layout, toolbox)
    files.write(layout.config / "postgres/postgresql.conf", postgres.configuration(site))
    files.write(layout.config / "postgres/pg_hba.conf", postgres.authentication())
    files.write(layout.config / "postgres/databases.sql", databases.script(catalog))
    words = [*users.run_as(users.POSTGRES), str(toolbox.postgres_bin / "postgres")]
    words += ["-D", str(layout.data / "postgres")]
    words += ["-c", f"config_file={layout.config / 'postgres/postgresql.conf'}"]
    log = layout.logs / "postgres.log"
    with log.open("w") as output:
        server = subprocess.Popen(words, stdout=output, stderr=output, cwd="/")
    try:
        _await(layout, toolbox)
        for _ in range(2):
            psql(layout, toolbox, "postgres", "postgres", f"\\i {layout.config}/postgres/databases.sql")
        assert psql(layout, toolbox, "accounts", "accounts", "CREATE TABLE mine (); SELECT 7") == "7\n"
        assert psql(layout, toolbox, "relay", "accounts", "SELECT current_user") == "relay\n"
        own = [("accounts", "mails"), ("accounts", "rio"), ("relay", "rio")]
        of_the_server = [("accounts", "postgres"), ("rio", "postgres"), ("relay", "template1")]
        for role, database in own + of_the_server:
            with pytest.raises(subprocess.CalledProcessError) as refused:
                psql(layout, toolbox, role, database, "SELECT 1")
            assert "permission denied for database" in refused.value.stderr
        watched = psql(layout, toolbox, "monitor", "accounts", "SELECT pg_has_role('pg_monitor', 'usage')")
        assert watched == "t\n"
        with pytest.raises(subprocess.CalledProcessError) as refused:
            psql(layout, toolbox, "monitor", "accounts", "TABLE mine")
        assert "permission denied for table" in refused.value.stderr
        statements = psql(layout, toolbox, "postgres", "postgres", "SELECT query FROM pg_stat_statements")
        assert "pg_monitor" not in statements  # PostgreSQL keeps what has no parameters as it was sent
        assert "PASSWORD" not in statements
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    assert "PASSWORD" not in log.read_text()


def psql(layout: Layout, toolbox: Toolbox, role: str, database: str, commands: str) -> str:
    site = Site.native(layout)
    own = {"PGUSER": role, "PGDATABASE": database, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [str(toolbox.postgres_bin / "psql"), "-XqtA", "-v", "ON_ERROR_STOP=1"],
        input=commands,
        env=environment.databases(site) | environment.database(site, role) | own,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def _await(layout: Layout, toolbox: Toolbox) -> None:
    """Wait until PostgreSQL takes connections: while it starts, it answers them all with a refusal."""
    ready = [str(toolbox.postgres_bin / "pg_isready"), "-q", "-h", "127.0.0.1"]
    ready += ["-p", str(layout.port("postgres")), "-t", "10"]
    deadline = time.monotonic() + 60
    while subprocess.run(ready, timeout=30, check=False).returncode != 0:
        assert time.monotonic() < deadline, "PostgreSQL does not accept connections"
        time.sleep(0.05)
