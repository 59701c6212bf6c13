"""Dashboards and alerts ask only for metrics that the hops have."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

import gateway.metrics
import gateway.service_client.metrics
from broker.outbox_relay.metrics import RelayMetrics
from broker.rio.flow_metrics import FlowMetrics
from broker.rio.metrics import ApiMetrics, DispatcherMetrics, RecordMetrics
from dashboards.queries import queries
from tests.config.test_prometheus import alerts

pytestmark = pytest.mark.config

_OWN = re.compile(r"\b(?:rio|relay|gateway)_[a-z_]+|\b(?:http_client_[a-z_]+|measurement_up)")
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def shown() -> Iterator[str]:
    for metrics in (
        RelayMetrics,
        ApiMetrics,
        DispatcherMetrics,
        FlowMetrics,
        RecordMetrics,
        gateway.metrics.Metrics,
        gateway.service_client.metrics.ServiceMetrics,
    ):
        registry = CollectorRegistry()  # each has one in a process of its own
        metrics(registry)
        for family in registry.collect():
            yield from (family.name + suffix for suffix in _SUFFIXES[family.type])


def asked() -> Iterator[tuple[str, str]]:
    """(who asks, the expression)"""
    for query in queries():
        if query.datasource == "prometheus":
            yield f"{query.dashboard} / {query.panel}", query.expression
    for rule in alerts():
        yield rule["alert"], rule["expr"]


def test_every_metric_that_is_asked_for_exists() -> None:
    names = set(shown())
    missing = {(who, name) for who, text in asked() for name in _OWN.findall(text) if name not in names}
    assert missing == set()


def test_every_metric_is_looked_at() -> None:
    """One that nobody looks at is a series for nothing."""
    used = {name for _, text in asked() for name in _OWN.findall(text)}
    unused = {name for name in shown() if not name.endswith(("_sum", "_count", "_bucket"))} - used
    assert unused == set()
