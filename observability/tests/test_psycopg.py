"""Statements of psycopg, sync, async and pooled, are spans; against a PostgreSQL of the tests' own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from observability import Telemetry, instrumentation
from observability.tests.sinks import OtlpSink, eventually

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty database, reachable by its socket alone."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed")
    # PostgreSQL does not run as root, and pytest's folders are closed to others.
    as_owner = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
    )
    folder = Path(tempfile.mkdtemp(prefix="nextphase-"))
    if as_owner:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    initdb = [BINARIES[-1] / "initdb", "--auth=trust", "--username=probe", "--no-sync", "--pgdata", data]
    subprocess.run([*as_owner, *initdb], check=True, capture_output=True, cwd="/", timeout=300)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    server = subprocess.Popen(
        [*as_owner, BINARIES[-1] / "postgres", "-D", data, *options], cwd="/", stderr=subprocess.DEVNULL
    )
    url = f"postgresql://probe@/postgres?host={folder}"
    try:
        eventually(lambda: answers(url), timeout=120)
        yield url
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


@pytest.fixture
def traced(telemetry: Telemetry) -> Iterator[None]:
    PsycopgInstrumentor().uninstrument()
    PsycopgInstrumentor().instrument(tracer_provider=telemetry.tracer_provider)
    yield
    PsycopgInstrumentor().uninstrument()
    instrumentation.instrument_psycopg.cache_clear()


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def statement(otlp: OtlpSink, telemetry: Telemetry, outer: str) -> dict[str, str]:
    """Attributes of the one statement span inside of the span named `outer`."""
    assert telemetry.flush()
    (parent,) = [span for span in otlp.spans if span.name == outer]
    (inner,) = [span for span in otlp.spans if span.parent_span_id == parent.span_id]
    assert inner.kind == Span.SPAN_KIND_CLIENT
    return {item.key: item.value.string_value for item in inner.attributes} | {"name": inner.name}


def check(attributes: dict[str, str]) -> None:
    assert attributes["db.system.name"] == "postgresql"
    assert attributes["db.query.text"] == "SELECT %s::int"
    assert "7" not in attributes["db.query.text"]
    assert attributes["name"].startswith("SELECT")


@pytest.mark.usefixtures("traced")
def test_a_connection(database: str, telemetry: Telemetry, otlp: OtlpSink) -> None:
    with psycopg.connect(database) as connection, telemetry.tracer.start_as_current_span("sync"):
        assert connection.execute("SELECT %s::int", (7,)).fetchone() == (7,)
    check(statement(otlp, telemetry, "sync"))


@pytest.mark.usefixtures("traced")
def test_a_pool(database: str, telemetry: Telemetry, otlp: OtlpSink) -> None:
    with (
        ConnectionPool(database, min_size=1, open=True, timeout=10) as pool,
        telemetry.tracer.start_as_current_span("pool"),
        pool.connection() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT %s::int", (7,))
    check(statement(otlp, telemetry, "pool"))


@pytest.mark.usefixtures("traced")
async def test_an_async_connection(database: str, telemetry: Telemetry, otlp: OtlpSink) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        with telemetry.tracer.start_as_current_span("async"):
            await connection.execute("SELECT %s::int", (7,))
    check(statement(otlp, telemetry, "async"))


@pytest.mark.usefixtures("traced")
async def test_an_async_pool(database: str, telemetry: Telemetry, otlp: OtlpSink) -> None:
    async with AsyncConnectionPool(database, min_size=1, open=False, timeout=10) as pool:
        with telemetry.tracer.start_as_current_span("async pool"):
            async with pool.connection() as connection:
                await connection.execute("SELECT %s::int", (7,))
    check(statement(otlp, telemetry, "async pool"))


@pytest.mark.usefixtures("traced")
def test_an_error_is_the_spans(database: str, telemetry: Telemetry, otlp: OtlpSink) -> None:
    with (
        psycopg.connect(database) as connection,
        telemetry.tracer.start_as_current_span("fails"),
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        connection.execute("SELECT 1 FROM nowhere")
    assert statement(otlp, telemetry, "fails")["db.query.text"] == "SELECT 1 FROM nowhere"
    (inner,) = [span for span in otlp.spans if span.name.startswith("SELECT")]
    assert inner.status.code == inner.status.STATUS_CODE_ERROR


@pytest.mark.usefixtures("traced")
def test_checks_leave_no_spans(database: str, telemetry: Telemetry, otlp: OtlpSink) -> None:
    with psycopg.connect(database) as connection:
        telemetry.health.add("database", lambda: connection.execute("SELECT 1").close())
        assert telemetry.health.report_blocking().ready
        with suppress_instrumentation():
            connection.execute("SELECT 1")
    assert telemetry.flush()
    assert otlp.spans == []
