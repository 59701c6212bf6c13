"""Durations are counted in the same buckets, whatever counts them: others could not be compared."""

import re

import pytest
import yaml

from observability.metrics import DURATION_BUCKETS
from tests.config.programs import OBSERVABILITY, ROOT

pytestmark = pytest.mark.config

_FILTER = "services/inventory/src/main/java/nextphase/inventory/telemetry/RequestFilter.java"
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds(text: str) -> float:
    """A duration as Go writes it, such as `2500us`."""
    number, unit = re.fullmatch(r"(\d+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return round(int(number) * _UNITS[unit], 9)


def test_of_the_collector() -> None:
    connectors = yaml.safe_load((OBSERVABILITY / "collector/collector.yaml").read_text())["connectors"]
    spans = connectors["spanmetrics"]["histogram"]["explicit"]["buckets"]
    calls = connectors["servicegraph"]["latency_histogram_buckets"]
    assert tuple(map(seconds, spans)) == tuple(map(seconds, calls)) == DURATION_BUCKETS


def test_of_the_inventory_service() -> None:
    numbers = re.search(r"BUCKETS = DoubleStream\.of\(([^)]*)\)", (ROOT / _FILTER).read_text())
    assert numbers
    assert tuple(map(float, numbers[1].split(","))) == DURATION_BUCKETS


def test_a_statement_of_a_fraction_of_a_millisecond_is_seen_as_one() -> None:
    assert min(bound for bound in DURATION_BUCKETS if bound >= 0.0003) <= 0.001
