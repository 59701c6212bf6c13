"""Log records: their fields, their lines, their way to the collector."""

import io
import json
import logging
import math
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from opentelemetry import trace

from observability import Telemetry
from observability.logs import FastLogger, Handler, LogEntry, LogLine, stderr
from observability.logs.error_fields import error_fields
from observability.logs.fluent import BATCH_BYTES, QUEUE_BYTES, QUEUE_RECORDS, HoldingSender
from observability.logs.record_fields import fields_of
from observability.settings import Settings
from observability.tests.sinks import FluentSink, eventually

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner) | st.sets(st.text()),
    max_leaves=10,
)


PROBE = Settings.from_env("probe", {"SERVICE_INSTANCE_ID": "probe-1"})
IDENTITY = {"service": "probe", "instance": "probe-1"}


class Drops:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, records: int) -> None:
        self.count += records


@pytest.fixture
def drops() -> Drops:
    return Drops()


@pytest.fixture
def sender(fluent: FluentSink, drops: Drops) -> Iterator[HoldingSender]:
    sender = HoldingSender("nextphase.probe", "127.0.0.1", fluent.port, drops)
    yield sender
    sender.close(0.1)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(settings: Settings, sender: HoldingSender, stream: io.StringIO) -> logging.Logger:
    logger = logging.Logger("probe.part")
    logger.addHandler(Handler(settings, sender, stream))
    return logger


def stored(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The entries of structured metadata that the log store makes of a record's fields."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from stored(value, f"{prefix}{name}_")
        elif prefix or name != "message":  # which is the line
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield re.sub("[^A-Za-z0-9]+", "_", f"{prefix}{name}"), text


def is_storable(fields: dict[str, Any]) -> bool:
    """Whether the log store takes a record: it refuses all of a request for one that is not."""
    entries = list(stored(fields))
    names = [name for name, _ in entries]
    size = sum(len(name.encode()) + len(text.encode()) for name, text in entries)
    return (
        len(entries) <= 120
        and size <= 60 * 1024
        and len(set(names)) == len(names)
        and all(name.strip("_") for name in names)
    )


SECRETS: dict[str, dict[str, Any]] = {
    "in the message": {"msg": "token=hunter2 refused"},
    "in a field": {"msg": "refused", "extra": {"url": "/v1/orders?token=hunter2"}},
    "a field's name": {"msg": "refused", "extra": {"password": "hunter2"}},
    "deep in a field": {"msg": "refused", "extra": {"headers": [{"Cookie": "a=hunter2"}]}},
    "in an exception": {"msg": "refused", "exc_info": ValueError("password: hunter2")},
    "behind the end of what is kept": {"msg": "x" * 16_375 + " token=hunter2"},
}


@pytest.mark.parametrize("record", SECRETS.values(), ids=SECRETS)
def test_credentials_are_masked(
    logger: logging.Logger, stream: io.StringIO, fluent: FluentSink, record: dict[str, Any]
) -> None:
    logger.error(**record)
    assert "refused" in stream.getvalue() or "x" in stream.getvalue()
    assert "hunter" not in stream.getvalue()


@pytest.mark.parametrize("message", ["for ada@example.com", "card 4111111111111111", "Bearer hunter2hunter2"])
def test_a_fast_logger_masks_too(alone: Handler, stream: io.StringIO, message: str) -> None:
    FastLogger("probe.lines").write(logging.INFO, message, {"at": message})
    line = json.loads(stream.getvalue())
    assert "***" in line["message"]
    assert "***" in line["at"]


@pytest.mark.parametrize("text", ["1764500000000000000-39-99", "https://shop.example/orders", "a@b"])
def test_a_line_that_only_looks_like_a_secret_needs_no_record(alone: Handler, text: str) -> None:
    assert alone.emit_plain("probe.lines", logging.INFO, "said", {"event_id": text})


CARELESS: dict[str, dict[str, Any]] = {
    "an empty name": {"": 1, "order_id": 7},
    "a name that is no text": {7: 1},  # type: ignore[dict-item]
    "names without a letter": {"_": 1, "__": 2, "!!": 3, "\u00e9": 4},
    "names alike": {"a.b": 1, "a_b": 2, "a-b": 3, "a": {"b": 4}},
    "many fields": {f"key{number}": number for number in range(150)},
    "a mapping of many fields": {"data": {f"key{number}": {"": number} for number in range(150)}},
    "long texts": {f"text{number}": "x" * 16_000 for number in range(5)},
    "long texts beyond ASCII": {f"text{number}": "\u00fc" * 16_000 for number in range(5)},
    "long texts in a list": {"texts": ["\u00fc" * 16_000] * 5},
    "a long name": {"n" * 100_000: 1},
    "a mapping's long names": {"data": {"n" * 1000 + str(number): 1 for number in range(150)}},
}


@pytest.mark.parametrize("extra", CARELESS.values(), ids=CARELESS)
def test_a_careless_record_is_cut_to_what_the_log_store_takes(
    logger: logging.Logger, stream: io.StringIO, fluent: FluentSink, extra: dict[str, Any]
) -> None:
    logger.error("said", extra=extra)
    line = json.loads(stream.getvalue())
    assert is_storable(line), line
    assert line["message"] == "said"
    assert fluent.records(message="said") == [line]


@pytest.mark.parametrize("extra", CARELESS.values(), ids=CARELESS)
def test_a_careless_line_of_a_hot_path_is_cut_too(
    alone: Handler, stream: io.StringIO, extra: dict[str, Any]
) -> None:
    FastLogger("probe.lines").write(logging.INFO, "said", extra)
    assert is_storable(json.loads(stream.getvalue()))


@given(st.dictionaries(st.text(st.characters(), max_size=4), ANYTHING, max_size=20))
def test_every_record_is_one_the_log_store_takes(extra: dict[str, Any]) -> None:
    made = record("said")
    vars(made).update({f"extra{name}": value for name, value in extra.items()} | {"data": extra})
    assert is_storable(fields_of(made))


def test_a_record_that_cannot_be_written_is_counted_and_does_not_fail_what_logs_it(
    logger: logging.Logger, drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    broken = record("said")
    broken.created = math.nan
    logger.handle(broken)
    assert drops.count == 1


class Unsliced(str):
    def __getitem__(self, at: Any) -> str:
        raise RuntimeError


class Causeless(Exception):
    @property
    def __cause__(self) -> BaseException | None:  # type: ignore[override]
        raise RuntimeError


def test_a_record_whose_kind_cannot_be_told_does_not_fail_what_logs_it(
    logger: logging.Logger, stream: io.StringIO, drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.error(Unsliced("said"))
    assert json.loads(stream.getvalue())["message"] == "said"
    logger.error("failed", exc_info=Causeless())
    assert drops.count == 1


def test_what_is_left_out_is_said() -> None:
    fields = fields_of(record("said", **{f"key{number}": number for number in range(150)}))
    assert fields["omitted_fields"] == 150 - sum(name.startswith("key") for name in fields)
    assert fields["key0"] == 0


class Keeping:
    """Keeps the record that it was given last."""

    fields = b""

    def emit_packed(self, records: list[tuple[int, bytes]]) -> None:
        ((_, self.fields),) = records


def record(message: Any, *args: Any, **extra: Any) -> logging.LogRecord:
    return logging.Logger("probe").makeRecord("probe", logging.INFO, "", 0, message, args, None, extra=extra)


def test_a_record_is_one_line_and_one_message(
    logger: logging.Logger, fluent: FluentSink, stream: io.StringIO
) -> None:
    logger.warning("Took %d\nlines", 2, extra={"order_id": "7", "lines": [1, {"a": None}]})
    (line,) = stream.getvalue().splitlines()
    (sent,) = fluent.records()
    assert json.loads(line) == sent
    assert sent["time"].endswith("Z")
    assert {**sent, "time": ""} == {
        "time": "",
        "level": "warning",
        "message": "Took 2\nlines",
        "logger": "probe.part",
        "service": "probe",
        "instance": "probe-1",
        "order_id": "7",
        "lines": [1, {"a": None}],
    }
    tag, when, _ = fluent.messages[0]
    assert tag == "nextphase.probe"
    seconds, nanoseconds = struct.unpack(">II", when.data)
    at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert (when.code, sent["time"]) == (0, f"{at}.{nanoseconds // 10**6:03d}Z")


def test_stack_traces_are_a_field(logger: logging.Logger, fluent: FluentSink) -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        logger.exception("Failed")
    (sent,) = fluent.records()
    assert sent["message"] == "Failed"
    assert sent["error_stack"].startswith("Traceback")
    assert sent["error_stack"].endswith("KeyError: 'lost'")
    assert (sent["error_type"], sent["error_message"]) == ("KeyError", "'lost'")
    assert re.fullmatch("[0-9a-f]{16}", sent["error_fingerprint"])


def test_extra_fields_do_not_take_the_records_own() -> None:
    fields = fields_of(record("said", service="other", level="none", trace_id="made up", time=0))
    assert fields["level"] == "info"
    assert "service" not in fields
    assert "trace_id" not in fields
    assert fields["extra_service"] == "other"
    assert fields["extra_trace_id"] == "made up"


def test_records_inside_a_span_carry_its_ids(telemetry: Telemetry) -> None:
    with telemetry.tracer.start_as_current_span("work") as span:
        fields = fields_of(record("said"))
    context = span.get_span_context()
    assert fields["trace_id"] == f"{context.trace_id:032x}"
    assert fields["span_id"] == f"{context.span_id:016x}"


def test_arguments_that_do_not_fit_do_not_cost_the_record() -> None:
    fields = fields_of(record("Took %d of %d", "two"))
    assert fields["message"] == "Took %d of %d ['two']"


class Broken:
    """Has no text."""

    def __repr__(self) -> str:
        raise RuntimeError


class BrokenText(str):
    def __str__(self) -> str:
        raise RuntimeError


class BrokenList(list[int]):
    def __iter__(self) -> Iterator[int]:
        raise RuntimeError


class BrokenMapping(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError


BROKEN = [Broken(), BrokenText("text"), BrokenList([1]), BrokenMapping(a=1)]


@pytest.mark.parametrize("value", BROKEN, ids=type)
def test_values_that_cannot_be_shown_do_not_cost_the_record(value: Any) -> None:
    fields = fields_of(record("said", broken=value, inner=[value], order_id=7))
    name = f"<{type(value).__name__}>"
    assert (fields["broken"], fields["inner"], fields["order_id"]) == (name, [name], 7)
    assert fields_of(record(Broken()))["message"].startswith("<Broken>")
    assert fields_of(record("Took %s", Broken()))["message"] == "Took %s ['<Broken>']"


def test_numbers_that_json_has_not_are_texts() -> None:
    fields = fields_of(record("said", nan=math.nan, huge=2**70, endless=10**5000))
    assert (fields["nan"], fields["huge"], fields["endless"]) == ("nan", str(2**70), "<int>")
    assert fields_of(record(10**5000))["message"].startswith("<int>")


def test_long_texts_are_cut() -> None:
    message = fields_of(record("x" * 100_000))["message"]
    assert isinstance(message, str)
    assert len(message) < 17_000
    assert message.endswith("characters more)")


@given(message=st.text(st.characters()), value=ANYTHING, name=st.text(st.characters(), min_size=1))
def test_no_text_breaks_the_line(message: str, value: Any, name: str) -> None:
    item = logging.makeLogRecord({"name": "probe", "levelno": logging.INFO, "msg": message})
    vars(item).setdefault(f"extra {name}", value)
    sender, stream = Keeping(), io.StringIO()
    Handler(PROBE, sender, stream).emit(item)  # type: ignore[arg-type]
    line = stream.getvalue()
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert json.loads(line) == msgpack.unpackb(sender.fields) == IDENTITY | fields_of(item)


@pytest.fixture
def alone(settings: Settings, sender: HoldingSender, stream: io.StringIO) -> Iterator[Handler]:
    """The only handler of the process."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    handler = Handler(settings, sender, stream)
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    yield handler
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    "fields",
    [
        {"order_id": "7", "count": 2, "ratio": 0.5, "open": True, "none": None},
        {"ratio": math.nan},
        {"huge": 2**70},
        {"lines": [1, {"a": object}]},
        {"name of": "é\u2028\ud800"},
        {"long": "x" * 100_000},
        {"service": "other", "level": "none"},
    ],
)
def test_a_line_is_that_of_a_record(
    telemetry: Telemetry, alone: Handler, fluent: FluentSink, stream: io.StringIO, fields: dict[str, Any]
) -> None:
    with telemetry.tracer.start_as_current_span("work"):
        FastLogger("probe.lines").write(logging.WARNING, "took %s", fields)
        logging.getLogger("probe.lines").warning("took %s", extra=fields)
    lines = [json.loads(line) | {"time": ""} for line in stream.getvalue().splitlines()]
    assert lines[0] == lines[1]
    assert lines[0]["trace_id"]
    assert list(lines[0]) == list(lines[1])
    eventually(lambda: len(fluent.messages) == 2)
    assert [message[2] | {"time": ""} for message in fluent.messages] == lines


class Delivery(LogLine):
    """A line with fields of its own."""

    order_id: str
    count: int = 2
    note: str | UnsetType = UNSET


@pytest.mark.parametrize("order_id", ["7", "é\u2028", "\ud800", "x" * 100_000])
@pytest.mark.parametrize("listening", [False, True], ids=["alone", "others listen"])
def test_a_whole_line_is_that_of_a_record(
    telemetry: Telemetry,
    alone: Handler,
    settings: Settings,
    fluent: FluentSink,
    stream: io.StringIO,
    order_id: str,
    listening: bool,
) -> None:
    logger = logging.getLogger("probe.lines")
    if listening:
        logger.addFilter(lambda record: True)
    with telemetry.tracer.start_as_current_span("work") as span:
        own = span.get_span_context()
        logger.warning("came %s", extra={"order_id": order_id, "count": 2})
    ids = {"trace_id": trace.format_trace_id(own.trace_id), "span_id": trace.format_span_id(own.span_id)}
    common = {"time": "", "level": "warning", "message": "came %s", "logger": "probe.lines", **ids}
    try:
        line = Delivery(settings.service, settings.instance_id, **common, order_id=order_id)
        FastLogger("probe.lines").write_all([LogEntry(line, logging.WARNING, time.time_ns(), own)])
    finally:
        logger.filters.clear()
    lines = [json.loads(line) | {"time": ""} for line in stream.getvalue().splitlines()]
    assert lines[0] == lines[1]
    assert list(lines[0]) == list(lines[1])
    eventually(lambda: len(fluent.messages) == 2)
    assert [message[2] | {"time": ""} for message in fluent.messages] == lines


def test_a_line_below_the_level_is_not_written(alone: Handler, stream: io.StringIO) -> None:
    FastLogger("probe.lines").write(logging.DEBUG, "said", {})
    assert not stream.getvalue()


def test_a_line_is_a_record_where_others_listen(caplog: pytest.LogCaptureFixture) -> None:
    FastLogger("probe.lines").write(logging.WARNING, "said", {"order_id": "7"})
    assert vars(caplog.records[0])["order_id"] == "7"


def test_gathered_lines_keep_their_order() -> None:
    written = io.StringIO()
    lines = stderr.LineWriter(written)  # of its own: the process's lines go to stderr meanwhile
    lines.write(b"1\n", urgent=False)
    lines.write(b"2\n", urgent=True)
    eventually(lambda: written.getvalue() == "1\n2\n")
    lines.write(b"3\n", urgent=False)
    eventually(lambda: written.getvalue() == "1\n2\n3\n")
    for _ in range(stderr.GATHER_LINES):
        lines.write(b"4\n", urgent=False)
    eventually(lambda: written.getvalue().count("4") == stderr.GATHER_LINES)
    lines.close()
    lines.write(b"5\n", urgent=False)
    assert written.getvalue().endswith("5\n")


# More lines than the pipe, one write that hangs and the queue hold together.
FULL = """
import logging, os, observability
from observability.logs.burst_limit import never_limit
telemetry = observability.setup("probe")
never_limit("root")
for number in range(15000):
    logging.error("a line of %s that is not the shortest: %s", number, "x" * 200)
page = telemetry.metrics.page(None)[0].decode()
(sample,) = [line for line in page.splitlines() if line.startswith('telemetry_dropped_total{signal="std')]
os.write(1, sample.split()[1].encode())
"""


def test_a_stderr_that_nobody_reads_holds_nothing_up() -> None:
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", FULL], stdout=subprocess.PIPE, stderr=write, timeout=60, check=True
        )
    finally:
        os.close(read)
        os.close(write)
    assert float(done.stdout) > 0


def test_a_forked_process_writes_its_own_lines_alone() -> None:
    code = (
        "import os; from observability.logs.stderr import LINES\n"
        "LINES.write(b'parent\\n', False)\n"
        "child = os.fork()\n"
        "LINES.write(b'child\\n' if not child else b'parent again\\n', False)\n"
        "child or (LINES.flush(10), os._exit(0))\n"
        "os.waitpid(child, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=20
    )
    assert sorted(done.stderr.splitlines()) == ["child", "parent", "parent again"]


def test_records_of_a_collector_stop_arrive_later(
    sender: HoldingSender, fluent: FluentSink, drops: Drops, caplog: pytest.LogCaptureFixture
) -> None:
    sender.emit(None, {"number": -1})
    fluent.records(number=-1)
    fluent.stop()
    for number in range(500):
        sender.emit(None, {"number": number})
    assert not sender.flush(1.0)
    fluent.start()
    assert sender.flush(10.0)
    fluent.records(number=499)
    numbers = [item["number"] for _, _, item in fluent.messages]
    assert numbers == sorted(set(numbers))
    assert set(range(500)) <= set(numbers)
    assert drops.count == 0
    assert [item.message for item in caplog.records if item.levelno >= logging.WARNING] == [
        "Collector does not take logs; holding them"
    ]


def test_records_that_the_collector_refuses_are_held_until_it_takes_them(
    sender: HoldingSender, fluent: FluentSink, drops: Drops
) -> None:
    fluent.refuses = True
    for number in range(50):
        sender.emit(None, {"number": number})
    assert not sender.flush(1.0)
    assert not fluent.messages
    fluent.refuses = False
    assert sender.flush(20.0)
    assert [item["number"] for _, _, item in fluent.messages] == list(range(50))
    assert drops.count == 0


@pytest.mark.parametrize(
    "answer", [b"", b"\x81\xa3ack\xa5other", b"\xc1", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_no_answer_ends_the_sending(
    sender: HoldingSender, fluent: FluentSink, drops: Drops, answer: bytes
) -> None:
    fluent.stop()
    with socket.create_server(("127.0.0.1", fluent.port)) as server:
        sender.emit(None, {"number": 1})
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            connection.recv(65536)
            connection.sendall(answer)
    fluent.start()
    assert sender.flush(20.0)
    assert [item["number"] for _, _, item in fluent.messages] == [1]
    assert drops.count == 0


def test_a_host_that_is_none_ends_nothing(drops: Drops) -> None:
    sender = HoldingSender("nextphase.probe", "a..b", 24224, drops)
    sender.emit(None, {"number": 1})
    assert not sender.flush(0.5)
    sender.emit(None, {"number": 2})
    sender.close(0.5)
    assert eventually(lambda: drops.count == 2)
    sender.emit(None, {"number": 3})
    assert drops.count == 3


def test_large_records_are_sent_in_batches_the_collector_takes_and_hold_a_bounded_memory(
    sender: HoldingSender, fluent: FluentSink, drops: Drops
) -> None:
    fluent.stop()
    text = "x" * 48 * 1024
    for number in range(1000):
        sender.emit(None, {"number": number, "text": text})
    assert drops.count >= 1000 - (QUEUE_BYTES + BATCH_BYTES) // len(text) - 1
    fluent.start()
    assert sender.flush(20.0)
    assert len(fluent.messages) == 1000 - drops.count
    assert fluent.largest < 2 * BATCH_BYTES


def test_the_queue_is_bounded_and_the_oldest_go(
    sender: HoldingSender, fluent: FluentSink, drops: Drops
) -> None:
    fluent.stop()
    count = QUEUE_RECORDS + 2000
    for number in range(count):
        sender.emit(None, {"number": number})
    assert 2000 - 256 <= drops.count <= 2000
    fluent.start()
    assert sender.flush(10.0)
    fluent.records(number=count - 1)
    assert len(fluent.messages) == count - drops.count


def test_the_end_drops_and_counts_what_is_left(fluent: FluentSink, drops: Drops) -> None:
    fluent.stop()
    sender = HoldingSender("nextphase.probe", "127.0.0.1", fluent.port, drops)
    for number in range(10):
        sender.emit(None, {"number": number})
    sender.close(0.2)
    sender.close(0.2)
    assert drops.count == 10
    assert not sender.emit(None, {"number": 10})


def test_a_stream_that_is_gone_does_not_matter(settings: Settings, sender: HoldingSender) -> None:
    stream = io.StringIO()
    stream.close()
    logger = logging.Logger("probe")
    logger.addHandler(Handler(settings, sender, stream))
    logger.error("said")


def fail_with(message: str, depth: int = 0) -> None:
    if depth:
        fail_with(message, depth - 1)
    raise ValueError(message)


def fingerprint_of(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        return str(error_fields(error, error.__traceback__)["error_fingerprint"])
    raise AssertionError("nothing was raised")


def test_a_fault_has_one_fingerprint_whatever_its_message_and_depth() -> None:
    def other() -> None:
        fail_with("one")

    found = [fingerprint_of(lambda depth=depth: fail_with(f"{depth}", depth)) for depth in (0, 1, 900)]  # type: ignore[misc]
    assert len(set(found)) == 1
    assert fingerprint_of(other) != found[0]


def test_a_fault_of_another_cause_has_another_fingerprint() -> None:
    def raised(cause: Exception) -> None:
        raise RuntimeError("failed") from cause

    assert fingerprint_of(lambda: raised(KeyError())) != fingerprint_of(lambda: raised(OSError()))
