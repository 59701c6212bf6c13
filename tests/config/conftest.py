"""Collector, Jaeger and Loki that the tests of the telemetry's way share."""

from collections.abc import Iterator

import pytest

from compose.cli.toolbox import Toolbox
from tests.config.programs import Pipeline, running_pipeline


@pytest.fixture(scope="session")
def pipeline(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(toolbox, tmp_path_factory.mktemp("pipeline")) as running:
        yield running
