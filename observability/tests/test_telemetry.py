"""A hop as a whole, in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from observability import Telemetry
from observability.tests.servers import environment
from observability.tests.sinks import FluentSink, OtlpSink

ROOT = Path(__file__).parents[2]


def run(program: str, otlp: OtlpSink, fluent: FluentSink) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | environment(otlp, fluent),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_setup_is_idempotent_and_flushes_at_exit(otlp: OtlpSink, fluent: FluentSink) -> None:
    done = run(
        "import logging, observability as o\n"
        "telemetry = o.setup('probe')\n"
        "assert o.setup('probe') is telemetry is o.current()\n"
        "with telemetry.tracer.start_as_current_span('work'): logging.info('working')\n"
        "logging.debug('hidden')\n",
        otlp,
        fluent,
    )
    assert done.returncode == 0, done.stderr
    (span,) = otlp.spans
    (line,) = fluent.records(message="working")
    assert line["span_id"] == span.span_id.hex()
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["message"] for line in lines] == ["Telemetry set up", "working"]
    assert done.stdout == ""


def test_uncaught_exceptions_and_warnings_are_records(otlp: OtlpSink, fluent: FluentSink) -> None:
    done = run(
        "import threading, warnings, observability as o\n"
        "o.setup('probe')\n"
        "warnings.warn('old')\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\n"
        "thread.start(); thread.join()\n"
        "raise LookupError('lost')\n",
        otlp,
        fluent,
    )
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert any("old" in record["message"] for record in records)
    uncaught = [record["error_stack"] for record in records if record["logger"] == "uncaught"]
    assert "ZeroDivisionError" in uncaught[0]
    assert "LookupError: lost" in uncaught[1]
    assert fluent.records(level="critical")


def test_the_end_is_bounded_without_a_collector(otlp: OtlpSink, fluent: FluentSink) -> None:
    otlp.stop()
    fluent.stop()
    started = time.monotonic()
    done = run(
        "import observability as o\n"
        "telemetry = o.setup('probe')\n"
        "telemetry.tracer.start_span('work').end()\n"
        "telemetry.shutdown(1.0)\n"
        "assert b'telemetry_dropped_total{signal=\"spans\"} 1.0' in telemetry.metrics.page(None)[0]\n",
        otlp,
        fluent,
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 15
    assert len(done.stderr.splitlines()) < 8


def test_a_bad_environment_is_refused(otlp: OtlpSink, fluent: FluentSink) -> None:
    fluent.port = 0
    done = run("import observability as o; o.setup('probe')", otlp, fluent)
    assert done.returncode == 1
    assert "FLUENT_ADDRESS" in done.stderr


def test_a_shut_down_hop_takes_no_harm(telemetry: Telemetry, otlp: OtlpSink) -> None:
    telemetry.tracer.start_span("before").end()
    telemetry.shutdown(5.0)
    telemetry.shutdown(5.0)
    telemetry.tracer.start_span("after").end()
    assert [span.name for span in otlp.spans] == ["before"]


def test_a_hop_that_is_not_told_where_sends_telemetry_nowhere() -> None:
    code = (
        "import sys\n"
        "sys.addaudithook(lambda event, args: event == 'socket.connect' and print(args[1], flush=True))\n"
        "import logging, observability\n"
        "telemetry = observability.setup('probe')\n"
        "of_library = telemetry.tracer_provider.get_tracer('x')\n"
        "with telemetry.tracer.start_as_current_span('work'), of_library.start_as_current_span('y'):\n"
        "    logging.getLogger('probe').warning('said')\n"
        "assert telemetry.flush()\n"
        "telemetry.shutdown()\n"
        "logging.getLogger('probe').warning('said after')\n"
        "assert 'collector' not in str(telemetry.health.report_blocking())\n"
    )
    names = {"OTEL_EXPORTER_OTLP_ENDPOINT", "FLUENT_ADDRESS", "COLLECTOR_HEALTH_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == [
        "Telemetry set up",
        "said",
        "said after",
    ]
