"""The platform's own settings."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from compose.cli.layout import GATEWAY_PROCESSES
from compose.cli.platform import DiskMegabytes, ExistingStores, External, Platform
from compose.cli.refusal import Refused
from compose.cli.sampling import Shares
from compose.cli.tests import checkout


def test_the_platforms_own_settings_are_sound() -> None:
    platform = Platform.load(checkout.ROOT)
    assert platform.edge.requests_per_second == 500
    assert platform.gateway_processes == min(len(os.sched_getaffinity(0)), GATEWAY_PROCESSES)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("processes: auto", "processes: 2", None),
        ("processes: auto", "processes: 51", "10: gateway.processes: 51 is not valid"),
        ("burst: 1000", "burst: -1", "4: edge.burst: -1 is less than the minimum of 0"),
        ("logs_hours: 168", "logs_hours: 30", "23: retention.logs_hours: 30 is not a multiple of 24"),
        ("trace: link", "trace: drop", "6: edge.trace: 'drop' is not one of"),
        ("::1/128", "::1/129", "7: edge.trusted.1: '::1/129' does not appear to be an IPv4 or IPv6 network"),
        ("127.0.0.0/8", "127.0.0.1/8", "7: edge.trusted.0: 127.0.0.1/8 has host bits set"),
        ("baggage: []", "baggage: ['a b']", "8: edge.baggage.0: 'a b' does not match"),
        ("  burst: 1000\n", "", "2: edge.burst: is missing"),
        ("dispatchers: 1", "dispatchers: 11", "12: rio.dispatchers: 11 is greater than the maximum of 10"),
        ("allowed_sinks: []", "allowed_sinks: [a b]", "13: rio.allowed_sinks.0: 'a b' does not match"),
        ("tools: {}", "tools: {jaeger: bin/jaeger}", "26: tools.jaeger: 'bin/jaeger' does not match"),
        ("tools: {}", "tools: {grafana: /bin/true}", "26: tools.grafana: is unknown; known are jaeger,"),
        ("show_payloads: false", "show_payloads: 1", "20: console.show_payloads: 1 is not of type 'boolean'"),
        ("head: 1", "head: 1.5", "32: sampling.head: 1.5 is greater than the maximum of 1"),
        (
            "routes: {}",
            "routes: {GET /v1/none: {tail: 0.5}}",
            "32: sampling.routes.GET /v1/none: is no route",
        ),
        ("tracer: fast", "tracer: none", "30: tracer: 'none' is not one of"),
        ("traces: 1280", "traces: 100", "38: disk_megabytes.traces: 100 is less than the minimum of 256"),
        ("{hours: 720, megabytes: 512}", "{hours: 720}", "16: rio.dead_letters.megabytes: is missing"),
    ],
)
def test_other_settings(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    file = checkout.make(tmp_path) / "compose/platform.yaml"
    file.write_text(file.read_text().replace(old, new))
    if expected is None:
        assert Platform.load(tmp_path).gateway_processes == 2
        return
    with pytest.raises(Refused) as refused:
        Platform.load(tmp_path)
    assert str(refused.value).startswith(f"compose/platform.yaml:{expected}")


def test_the_disk_is_bounded_by_five_gibibytes_in_settings_and_in_those_that_say_nothing() -> None:
    written = Platform.load(checkout.ROOT).disk_megabytes
    assert written == DiskMegabytes()
    assert sum(asdict(written).values()) == 5 * 1024


def test_settings_from_before_the_console_are_sound(tmp_path: Path) -> None:
    file = checkout.make(tmp_path) / "compose/platform.yaml"
    file.write_text(file.read_text().replace("console:\n  show_payloads: false\n", ""))
    assert "console" not in file.read_text()
    assert not Platform.load(tmp_path).console.show_payloads


def test_a_route_is_sampled_as_the_others_but_for_what_it_says(tmp_path: Path) -> None:
    file = checkout.make(tmp_path) / "compose/platform.yaml"
    text = file.read_text().replace("tail: 1", "tail: 0.25")
    file.write_text(text.replace("routes: {}", "routes: {POST /v1/orders: {head: 0.5}}"))
    sampling = Platform.load(tmp_path).sampling
    assert sampling.default == Shares(head=1, tail=0.25, slow_milliseconds=1000)
    assert sampling.routes == {"POST /v1/orders": Shares(head=0.5, tail=0.25, slow_milliseconds=1000)}


def test_what_replaces_which_store() -> None:
    some = External("http://127.0.0.1:1")
    assert ExistingStores().replaced == set()
    assert ExistingStores(otlp=some, jaeger=some, loki=some).replaced == {"jaeger", "loki"}
    assert ExistingStores(prometheus=some).replaced == {"alertmanager"}
    assert ExistingStores(grafana=some).replaced == set()
