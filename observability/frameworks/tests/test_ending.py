"""How the servers of each framework end: in time, and with all of their telemetry sent."""

import signal
from pathlib import Path

import pytest

from observability.tests.servers import COMMANDS, Trace, serve
from observability.tests.sinks import FluentSink, OtlpSink


@pytest.mark.parametrize("framework", COMMANDS)
def test_what_is_left_is_sent_at_the_end(
    framework: str, otlp: OtlpSink, fluent: FluentSink, trace: Trace, tmp_path: Path
) -> None:
    for server in serve(framework, otlp, fluent, tmp_path / "stderr"):
        server.request("GET", "/things/1", trace)
        server.process.send_signal(signal.SIGTERM)
        # uvicorn stops in an orderly way and then ends by the signal it got.
        assert server.process.wait(10) in (0, -signal.SIGTERM)
        assert len(otlp.of_trace(trace.id)) == 1
        assert len(fluent.records(trace_id=trace.id, logger="access")) == 1
        assert "Traceback" not in (tmp_path / "stderr").read_text()
