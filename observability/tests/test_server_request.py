"""A request whose telemetry cannot be written costs no other its own."""

import logging
from typing import Any

import pytest

from observability import Telemetry
from observability.deferred import DEFERRED
from observability.server_request import ServerRequest
from observability.tests.sinks import FluentSink


class Broken:
    """Not to be encoded, and not to be shown either."""

    def __str__(self) -> str:
        raise RuntimeError("broken")


def finish(telemetry: Telemetry, *statuses: Any, **last: Any) -> None:
    """Finish requests that are written in one batch."""
    for status in statuses:
        ServerRequest(telemetry, "GET", f"/{status}", None).finish(status, "/batch", **last)
    DEFERRED.flush()


@pytest.fixture
def lines(telemetry: Telemetry) -> Any:
    """Have only the telemetry's log handler write the access logger's lines."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers[:] = [telemetry._log_handler]
    root.setLevel(logging.INFO)
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.usefixtures("lines")
def test_a_request_that_cannot_be_counted_costs_no_other(telemetry: Telemetry, fluent: FluentSink) -> None:
    finish(telemetry, 200, None, 201)
    assert telemetry.flush()
    assert [line["status"] for line in fluent.records(logger="access")] == [200, 201]
    assert telemetry.registry.get_sample_value("telemetry_dropped_total", {"signal": "logs"}) == 1


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("user", [object(), 2**70, Broken()])
def test_a_line_that_cannot_be_encoded_costs_no_other(
    telemetry: Telemetry, fluent: FluentSink, user: Any
) -> None:
    for status, name in ((200, "one"), (202, user), (201, "two")):
        ServerRequest(telemetry, "GET", "/", None).finish(status, "/batch", user=name)
    DEFERRED.flush()
    assert telemetry.flush()
    written = {line["status"]: line["user"] for line in fluent.records(logger="access")}
    assert (written[200], written[201]) == ("one", "two")
    assert isinstance(written[202], str)
