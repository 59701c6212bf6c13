"""The metrics every hop has."""

import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from observability.histogram import DurationHistogram
from observability.metrics import Metrics

OPENMETRICS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,*/*;q=0.1"
)


def test_a_request() -> None:
    metrics = Metrics()
    metrics.request_started("GET")
    active = {"http_request_method": "GET"}
    assert metrics.registry.get_sample_value("http_server_active_requests", active) == 1
    metrics.request_finished("GET", "/orders/{id}", 200, 0.03, "ab" * 16)
    assert metrics.registry.get_sample_value("http_server_active_requests", active) == 0
    labels = {
        "http_request_method": "GET",
        "http_route": "/orders/{id}",
        "http_response_status_code": "200",
        "user_agent_synthetic_type": "",
    }
    name = "http_server_request_duration_seconds"
    assert metrics.registry.get_sample_value(f"{name}_count", labels) == 1
    assert metrics.registry.get_sample_value(f"{name}_bucket", labels | {"le": "0.025"}) == 0
    assert metrics.registry.get_sample_value(f"{name}_bucket", labels | {"le": "0.05"}) == 1


def test_a_process_tells_its_version_and_its_threads() -> None:
    metrics = Metrics()
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    version = {"service_version": project["version"]}
    assert metrics.registry.get_sample_value("target_info", version) == 1
    before = metrics.registry.get_sample_value("python_threads")
    assert before is not None
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert metrics.registry.get_sample_value("python_threads") == before + 1
    finally:
        stop.set()
        thread.join()


def test_unknown_methods_share_a_label() -> None:
    metrics = Metrics()
    metrics.request_started("FROBNICATE")
    metrics.request_finished("FROBNICATE", "", 405, 0.001, None)
    page, _ = metrics.page(None)
    assert b'http_request_method="_OTHER"' in page
    assert b"FROBNICATE" not in page


def test_exemplars_are_for_those_who_ask() -> None:
    metrics = Metrics()
    metrics.request_started("GET")
    metrics.request_finished("GET", "/", 200, 0.001, "ab" * 16)
    page, content_type = metrics.page(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert page.endswith(b"# EOF\n")
    assert f'# {{trace_id="{"ab" * 16}"}} 0.001'.encode() in page
    page, content_type = metrics.page("text/html")
    assert content_type.startswith("text/plain; version=")
    assert b"trace_id" not in page


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 9.0]), max_size=8))
def test_durations_show_what_a_histogram_shows(seconds: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    durations = DurationHistogram("seconds", "How long.", ["route"], [0.5, 1, 2.5], ours)
    histogram = Histogram("seconds", "How long.", ["route"], buckets=[0.5, 1, 2.5], registry=theirs)
    for one in seconds:
        durations.of("/").observe(one)
        histogram.labels("/").observe(one)
    assert generate_latest(ours) == generate_latest(theirs)


def test_durations_have_one_name() -> None:
    registry = CollectorRegistry()
    DurationHistogram("seconds", "", [], [1], registry)
    with pytest.raises(ValueError, match="Duplicated"):
        DurationHistogram("seconds", "", [], [1], registry)


def test_drops_are_there_before_the_first() -> None:
    registry = Metrics().registry
    for signal in ("spans", "logs"):
        assert registry.get_sample_value("telemetry_dropped_total", {"signal": signal}) == 0


def test_every_metrics_is_a_registry_of_its_own() -> None:
    assert Metrics().registry is not Metrics().registry
