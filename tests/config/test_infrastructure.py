"""What the collector itself measures: the host, PostgreSQL, and the public API from outside."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
import yaml

from compose.cli import collector, routes
from compose.cli.sampling import Sampling
from compose.cli.toolbox import Toolbox
from services.tests.postgres import Postgres, Rows
from tests.config.programs import ROOT, Pipeline, running_pipeline
from tests.conftest import eventually as eventually_within

pytestmark = [
    pytest.mark.config,
    pytest.mark.skipif(
        not any(Path("/usr/lib/postgresql").glob("*/bin")), reason="postgresql is not installed"
    ),
]

#: It looks every 15 seconds, and what has gone is shown for half a minute.
eventually = partial(eventually_within, within_seconds=120.0)
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
_LINE = re.compile(r"^(\w+)\{(.*)\} (\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Edge(BaseHTTPRequestHandler):
    """Answers 200, or 503 where a path is in `failing`."""

    failing: frozenset[str] = frozenset()

    def do_GET(self) -> None:
        self.send_response(503 if self.path in Edge.failing else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing: the test asks the collector."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres.running() as server:
        administrator = Rows(server.url("postgres"))
        administrator("ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements")
        server.stop()
        server.start()
        administrator("CREATE EXTENSION pg_stat_statements")
        administrator("CREATE ROLE monitor LOGIN")
        administrator("GRANT pg_monitor TO monitor")
        administrator("CREATE ROLE shop LOGIN")
        administrator("CREATE DATABASE shop OWNER shop")
        Rows(server.url("shop"))("CREATE TABLE basket AS SELECT generate_series(1, 1000) AS id")
        yield server


@pytest.fixture(scope="module")
def edge() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Edge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def pipeline(
    toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, edge: str
) -> Iterator[Pipeline]:
    url = postgres.url("monitor").removesuffix("monitor") + "postgres"
    variables = {"EDGE_URL": edge, "POSTGRES_URL": url}
    folder = tmp_path_factory.mktemp("pipeline")
    generated = folder / "generated.yaml"
    generated.write_text(collector.configuration(Sampling(), routes.load(ROOT)))
    options = ["--config", str(generated)]
    with running_pipeline(toolbox, folder / "run", variables, collector_options=options) as found:
        yield found


def series(pipeline: Pipeline, prefix: str) -> Series:
    """Name, labels and value of every series that the collector derives, of names with a prefix."""
    return {
        (name, frozenset(_LABEL.findall(labels))): float(value)
        for name, labels, value in _LINE.findall(pipeline.derived_metrics())
        if name.startswith(prefix)
    }


def value(found: Series, name: str, **labels: str) -> float:
    values = [each for (n, has), each in found.items() if n == name and has >= labels.items()]
    assert len(values) == 1, (name, labels, values)
    return values[0]


def test_the_host(pipeline: Pipeline) -> None:
    def look() -> None:
        found = series(pipeline, "system_")
        families = {name for name, _ in found}
        assert families >= {
            "system_cpu_time_seconds_total",
            "system_cpu_logical_count",
            "system_memory_limit_bytes",
            "system_linux_memory_available_bytes",
            "system_filesystem_usage_bytes",
            "system_filesystem_inodes_usage",
            "system_disk_io_bytes_total",
            "system_network_io_bytes_total",
            "system_file_handles",
            "system_file_handles_limit",
        }
        assert ("system_pressure_stalled_seconds_total" in families) == Path("/proc/pressure/cpu").exists()
        assert {dict(labels)["service"] for _, labels in found} == {"host"}
        # All cores are one series a state.
        assert sum(name == "system_cpu_time_seconds_total" for name, _ in found) < 10

    eventually(look)


def test_postgresql(pipeline: Pipeline, postgres: Postgres) -> None:
    def look() -> None:
        found = series(pipeline, "postgresql_")
        assert value(found, "postgresql_up") == 1
        assert value(found, "postgresql_table_size_bytes", database="shop", table="public.basket") > 8192
        assert value(found, "postgresql_connections_limit") > 10
        assert value(found, "postgresql_wal_size_bytes") > 0
        # There before the first event.
        assert value(found, "postgresql_deadlocks_total", database="shop") == 0
        assert value(found, "postgresql_connections", database="shop", state="idle in transaction") >= 0
        assert {dict(labels)["service"] for _, labels in found} == {"postgres"}

    eventually(look)


def test_a_statement_of_two_roles_is_one(pipeline: Pipeline, postgres: Postgres) -> None:
    """PostgreSQL counts it for each of them; two series with the same labels would show one of them."""
    for role, calls in (("shop", 3), ("postgres", 2)):
        ask = Rows(postgres.url("shop").replace("shop@", f"{role}@"))
        for _ in range(calls):
            ask("SELECT count(*) FROM basket")

    def look() -> None:
        found = series(pipeline, "postgresql_statement_")
        assert value(found, "postgresql_statement_calls_total", query="SELECT count(*) FROM basket") == 5

    eventually(look)


def test_an_open_transaction_is_seen(pipeline: Pipeline, postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("shop")) as holder:
        holder.execute("LOCK TABLE basket IN ACCESS EXCLUSIVE MODE")

        def look() -> None:
            found = series(pipeline, "postgresql_")
            labels = {"database": "shop", "state": "idle in transaction"}
            assert value(found, "postgresql_transaction_longest_seconds", **labels) > 0
            assert value(found, "postgresql_connections", **labels) == 1

        eventually(look)


def test_the_public_api_is_probed(pipeline: Pipeline) -> None:
    def is_passing(path: str) -> float:
        return value(
            series(pipeline, "httpcheck_"), "httpcheck_status", url_path=path, http_status_class="2xx"
        )

    def look() -> None:
        assert is_passing("/health") == is_passing("/v1/stock") == is_passing("/v1/openapi.json") == 1

    eventually(look)
    Edge.failing = frozenset({"/v1/stock"})

    def look_again() -> None:
        assert (is_passing("/health"), is_passing("/v1/stock")) == (1, 0)

    eventually(look_again)


def test_what_is_probed_is_every_public_route_that_is_safe() -> None:
    """Without a token, without a parameter in its path, and changing nothing."""
    safe = {
        route["path"]
        for route in routes.load(ROOT)
        if route["method"] == "GET" and route.get("auth") == "none" and "{" not in route["path"]
    }
    document = yaml.safe_load(collector.configuration(Sampling(), routes.load(ROOT)))
    (target,) = document["receivers"]["httpcheck"]["targets"]
    assert {url.removeprefix("${env:EDGE_URL}") for url in target["endpoints"]} == safe | {"/health"}


def test_a_postgresql_that_is_down_is_told(pipeline: Pipeline, postgres: Postgres) -> None:
    """The last of this module: it stops the server that the others read."""
    postgres.stop()

    def look() -> None:
        assert value(series(pipeline, "postgresql_up"), "postgresql_up") == 0

    eventually(look)
    postgres.start()
