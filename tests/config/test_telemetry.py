"""Collector, Loki and Jaeger: their configuration by their own tools."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from compose.cli import collector, routes, sampling
from compose.cli.sampling import Sampling, Shares
from compose.cli.toolbox import Toolbox
from tests.config.programs import (
    OBSERVABILITY,
    ROOT,
    collector_command,
    environment,
    jaeger_command,
    loki_command,
)

pytestmark = pytest.mark.config


def run(command: list[str | Path], folder: Path) -> None:
    (folder / "nginx").mkdir()
    variables = {**os.environ, **environment(folder)}
    done = subprocess.run(
        command, env=variables, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_collector(toolbox: Toolbox, tmp_path: Path) -> None:
    binary, *arguments = collector_command(toolbox)
    run([binary, "validate", *arguments], tmp_path)


def test_collector_beside_what_the_platform_determines(toolbox: Toolbox, tmp_path: Path) -> None:
    generated = tmp_path / "generated.yaml"
    generated.write_text(collector.configuration(Sampling(Shares(tail=0.5)), routes.load(ROOT)))
    binary, *arguments = collector_command(toolbox)
    run([binary, "validate", *arguments, "--config", generated], tmp_path)


def test_jaeger(toolbox: Toolbox, tmp_path: Path) -> None:
    binary, *arguments = jaeger_command(toolbox)
    run([binary, "validate", *arguments], tmp_path)


def test_loki(toolbox: Toolbox, tmp_path: Path) -> None:
    run([*loki_command(toolbox), "-verify-config"], tmp_path)


def test_the_collector_configures_nothing_it_does_not_use() -> None:
    document = yaml.safe_load((OBSERVABILITY / "collector/collector.yaml").read_text())
    pipelines = document["service"]["pipelines"].values()
    connectors = set(document["connectors"])
    sampled = sampling.collector(Sampling(Shares(tail=0.5)))
    sampling_processors = set(sampled["service"]["pipelines"]["traces/jaeger"]["processors"])
    used = {
        kind: {name for pipeline in pipelines for name in pipeline.get(kind, [])}
        for kind in ["receivers", "processors", "exporters"]
    }
    assert used["receivers"] == set(document["receivers"]) | connectors
    assert used["processors"] | sampling_processors == set(document["processors"])
    assert used["exporters"] == set(document["exporters"]) | connectors
    assert set(document["service"]["extensions"]) == set(document["extensions"])


def test_sampling_leaves_nothing_out_on_the_way_to_jaeger() -> None:
    """Its list of processors takes the place of the collector's."""
    document = yaml.safe_load((OBSERVABILITY / "collector/collector.yaml").read_text())
    sampled = sampling.collector(Sampling(Shares(tail=0.5)))
    always, sometimes = (
        each["service"]["pipelines"]["traces/jaeger"]["processors"] for each in (document, sampled)
    )
    assert sometimes == ["tail_sampling", *always]
