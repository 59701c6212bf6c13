"""Sinks in the collector's place, telemetry that is sent to them, and servers of every framework."""

import secrets
from collections.abc import Iterator

import pytest

from observability import Telemetry
from observability.settings import Settings
from observability.tests.servers import COMMANDS, Server, Trace, environment, serve
from observability.tests.sinks import FluentSink, OtlpSink


@pytest.fixture
def trace() -> Trace:
    return Trace(secrets.token_hex(16), secrets.token_hex(8))


@pytest.fixture
def otlp() -> Iterator[OtlpSink]:
    sink = OtlpSink()
    yield sink
    sink.stop()


@pytest.fixture
def fluent() -> Iterator[FluentSink]:
    sink = FluentSink()
    yield sink
    sink.stop()


@pytest.fixture
def settings(otlp: OtlpSink, fluent: FluentSink) -> Settings:
    return Settings.from_env("probe", environment(otlp, fluent))


@pytest.fixture
def telemetry(settings: Settings) -> Iterator[Telemetry]:
    """Telemetry that is not installed as the process's own."""
    telemetry = Telemetry(settings)
    yield telemetry
    telemetry.shutdown(1.0)


@pytest.fixture(scope="session")
def sinks() -> Iterator[tuple[OtlpSink, FluentSink]]:
    otlp, fluent = OtlpSink(), FluentSink()
    yield otlp, fluent
    otlp.stop()
    fluent.stop()


@pytest.fixture(scope="session", params=COMMANDS)
def server(
    request: pytest.FixtureRequest,
    sinks: tuple[OtlpSink, FluentSink],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """The small service, once in every framework."""
    lines = tmp_path_factory.mktemp(request.param) / "stderr"
    yield from serve(request.param, *sinks, lines)
