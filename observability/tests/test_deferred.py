"""Elements are written soon, in the order in which they ended, and at once by a flush."""

import json
import logging
import subprocess
import sys
import threading

import pytest

from observability import Telemetry, deferred
from observability.deferred import Deferred
from observability.server_request import ServerRequest
from observability.tests.sinks import OtlpSink, eventually


class Written:
    """The rows that a queue wrote."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    @property
    def all(self) -> list[int]:
        return [number for row in self.rows for number in row]

    def __call__(self, ended: list[int]) -> None:
        self.rows.append(ended)


@pytest.fixture
def written() -> Written:
    return Written()


def test_many_are_written_in_a_row(monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    monkeypatch.setattr(deferred, "WAIT_SECONDS", 60)
    queue = Deferred().queue(written)
    for number in range(2 * deferred.MANY + 1):
        queue.add(number)
    assert [len(row) for row in written.rows] == [deferred.MANY] * 2
    assert written.all == list(range(2 * deferred.MANY))


def test_few_do_not_wait_for_others(written: Written) -> None:
    queue = Deferred().queue(written)
    for number in range(3):
        queue.add(number)
        eventually(lambda number=number: written.all == list(range(number + 1)))


def test_what_is_kept_comes_along(monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    monkeypatch.setattr(deferred, "WAIT_SECONDS", 60)
    whole = Deferred()
    queue, other = whole.queue(written), whole.queue(Written())
    queue.keep(1)
    for number in range(deferred.MANY):
        other.add(number)
    assert written.rows == [[1]]


def test_what_ends_while_something_is_written_is_written_next(written: Written) -> None:
    whole = Deferred()

    def write(ended: list[int]) -> None:
        written(ended)
        if ended == [1]:
            queue.add(2)
            whole.flush()

    queue = whole.queue(write)
    queue.keep(1)
    whole.flush()
    assert written.rows == [[1], [2]]


def test_one_row_that_cannot_be_written_costs_no_other(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Deferred()

    def fail(_: list[int]) -> None:
        raise ValueError

    failing, queue = whole.queue(fail), whole.queue(written)
    failing.keep(1)
    queue.keep(2)
    whole.flush()
    assert written.rows == [[2]]
    assert [vars(record)["count"] for record in caplog.records] == [1]


def test_nothing_is_written_twice_or_lost_by_threads(written: Written) -> None:
    queue = Deferred().queue(written)
    threads = [
        threading.Thread(target=lambda first=first: [queue.add(first + n) for n in range(1000)])
        for first in range(0, 8000, 1000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: sorted(written.all) == list(range(8000)))


def test_after_the_end_everything_is_written_at_once(written: Written) -> None:
    whole = Deferred()
    queue = whole.queue(written)
    queue.keep(1)
    whole.close()
    queue.add(2)
    assert written.rows == [[1], [2]]


PROGRAM = """\
import logging, os
from observability import setup
from observability.server_request import ServerRequest
telemetry = setup("probe")
with telemetry.tracer.start_as_current_span("work"):
    ServerRequest(telemetry, "GET", "/before", None).finish(200, "/before")
    logging.getLogger("probe").info("between")
    ServerRequest(telemetry, "GET", "/after", None).finish(200, "/after")
if not os.fork():
    ServerRequest(telemetry, "GET", "/child", None).finish(200, "/child")
    os._exit(0 if telemetry.flush(0) is not None else 1)
os.wait()
"""


def test_lines_keep_their_order_and_come_at_the_end_and_once_from_each_process() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": ""},
    )
    messages = [json.loads(line)["message"] for line in run.stderr.splitlines()]
    assert [message for message in messages if "Collector" not in message] == [
        "Telemetry set up", "GET /before 200", "between", "GET /after 200", "GET /child 200",
    ]  # fmt: skip


def served(telemetry: Telemetry) -> str:
    """The samples of requests to /probe."""
    page = telemetry.metrics.page(None)[0].decode()
    return "\n".join(line for line in page.splitlines() if 'http_route="/probe"' in line and "_count" in line)


# Those below have the process's own queue, which writes what ends soon after, too: later than they look.


def test_metrics_show_what_has_just_ended(telemetry: Telemetry) -> None:
    for count in (1.0, 2.0):
        ServerRequest(telemetry, "GET", "/probe", None).finish(200, "/probe")
        assert served(telemetry).endswith(f" {count}")


def test_a_request_may_be_counted_without_a_line(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ServerRequest(telemetry, "GET", "/probe", None).finish(200, "/probe", has_line=False)
    assert served(telemetry).endswith(" 1.0")
    ServerRequest(telemetry, "GET", "/told", None).finish(200, "/told")
    eventually(lambda: caplog.messages == ["GET /told 200"])


def test_a_flush_takes_what_has_just_ended_along(telemetry: Telemetry, otlp: OtlpSink) -> None:
    telemetry.tracer.start_span("flushed").end()
    assert telemetry.flush()
    assert "flushed" in [span.name for span in otlp.spans]


def test_a_fault_is_written_with_what_was_before_it(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ServerRequest(telemetry, "GET", "/fine", None).finish(200, "/fine")
    ServerRequest(telemetry, "GET", "/fault", None).finish(500, "/fault")
    eventually(lambda: caplog.messages == ["GET /fine 200", "GET /fault 500"])
