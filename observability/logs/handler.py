"""The log handler: each record as one JSON line on stderr and one Fluent record to the collector.

Replaces structlog or python-json-logger, and OpenTelemetry's own handler: here one encoding of bounded, valid
fields with the trace's ids goes both ways. A line takes 12 us, that of logging and json alone, without any of
this, 9 (python -m tests.bench.telemetry_parts). To be dropped when OpenTelemetry's handler holds what the
collector does not take, and bounds what it sends.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import msgspec

from observability.deferred import DEFERRED
from observability.logs import stderr
from observability.logs.bounded_fields import MAX_FIELDS
from observability.logs.burst_limit import BurstLimit, SuppressedLines
from observability.logs.fluent import HoldingSender
from observability.logs.log_line import LogEntry
from observability.logs.null_sender import NullSender
from observability.logs.record_fields import RESERVED, common_fields, created_at, fields_of, has_good_names
from observability.masking import are_secret, have_secrets
from observability.settings import Settings
from observability.text import MAX_TEXT, Json, simple

#: How long after the first line that is left out of a burst a line says how many were, in seconds; again
#: after as long, while the burst goes on.
SUPPRESSED_SECONDS = 5.0

#: Types of which nearly every value can stay as it is, but for its size.
_PLAIN = frozenset({str, int, float, bool, type(None)})


class Handler(logging.Handler):
    """Writes each record to stderr and hands it to the collector, trace and span id included.

    Args:
        settings: whose records these are.
        sender: takes the records for the collector.
        stream: where the lines go; stderr as it is at the time of writing when None.
        bursts: decides which records of a burst are written.
        suppressed: called with the level of each record that is not.
    """

    def __init__(
        self,
        settings: Settings,
        sender: HoldingSender | NullSender,
        stream: TextIO | None = None,
        bursts: BurstLimit | None = None,
        suppressed: Callable[[int], object] = lambda _level: None,
    ) -> None:
        super().__init__()
        self._identity: dict[str, Json] = {"service": settings.service, "instance": settings.instance_id}
        self._to_json = msgspec.json.Encoder().encode
        self._to_msgpack = msgspec.msgpack.Encoder().encode
        self._sender = sender
        self._lines = stderr.LINES if stream is None else stderr.DirectLineWriter(stream)
        self._bursts = bursts or BurstLimit()
        self._suppressed = suppressed
        self._summarizing: threading.Timer | None = None

    def flush(self) -> None:
        """Write the lines that wait, and how many were left out of bursts."""
        self._summarize()
        self._lines.flush()

    def handle(self, record: logging.LogRecord) -> bool:
        try:
            is_admitted = self._bursts.admits(record)
        except Exception:  # a log record never fails the code that logs it: `emit` writes or counts it
            is_admitted = True
        if not is_admitted:
            self._suppress(record.levelno)
            return False
        # First the records deferred before this one, outside of the handler's lock: writing them needs it.
        DEFERRED.flush()
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = self._identity | fields_of(record)
            line = self._to_json(fields)
            if not line.isascii():
                # Beyond ASCII there are line separators, and a stderr that is not UTF-8 would spoil the line.
                line = json.dumps(fields).encode()
            self._write(record.levelno, [line], [(created_at(record), self._to_msgpack(fields))])
        except Exception:  # a log record never fails the code that logs it
            self._sender.lose(1)
            self.handleError(record)

    def emit_plain(self, name: str, level: int, message: str, fields: Mapping[str, Any]) -> bool:
        """Write a line without a record; False, and nothing is written, where that needs more than encoding:
        a value that is not plain, text that is long or not ASCII or has to be masked, a name that the
        line has itself."""
        if not _PLAIN.issuperset(map(type, fields.values())) or not RESERVED.isdisjoint(fields):
            return False
        if len(fields) > MAX_FIELDS // 2 or not has_good_names(fields):
            return False
        texts = [value for value in fields.values() if type(value) is str]
        if are_secret(fields) or have_secrets((message, *texts)):
            return False
        created = time.time_ns()
        whole = {
            **self._identity,
            **common_fields(created, level, message, name),
            **fields,
        }
        try:
            packed, line = self._to_msgpack(whole), self._to_json(whole)
        except (ValueError, OverflowError):
            return False
        if not _is_short(line):
            return False
        if b"null" in line and not all(map(simple, fields.values())):  # as numbers that are not finite are
            return False
        self._write(level, [line], [(created, packed)])
        return True

    def emit_lines(self, entries: list[LogEntry]) -> list[LogEntry]:
        """Write lines whose fields are complete.

        Returns:
            those that are not written: they need more than encoding, as text that is long or not ASCII, or
            that may have an e-mail address.
        """
        to_json, to_msgpack = self._to_json, self._to_msgpack
        lines, packed, others, highest = list[bytes](), list[tuple[int, bytes]](), list[LogEntry](), 0
        for entry in entries:
            line, level, created, _ = entry
            try:
                encoded, fields = to_json(line), to_msgpack(line)
            except Exception:  # what UTF-8 or an integer of 64 bits cannot carry, or no plain value
                encoded = fields = b""
            if encoded and _is_short(encoded) and b"@" not in encoded:
                lines.append(encoded)
                packed.append((created, fields))
                if level > highest:
                    highest = level
            else:
                others.append(entry)
        if lines:
            self._write(highest, lines, packed)
        return others

    def _suppress(self, level: int) -> None:
        self._suppressed(level)
        # Of a timer that was started before a fork the child has no thread.
        if self._summarizing is None or not self._summarizing.is_alive():
            timer = threading.Timer(SUPPRESSED_SECONDS, self._summarize)
            timer.daemon = True
            # A process that has as many threads as it may, or ends, gets none: `flush` writes the line then.
            with contextlib.suppress(RuntimeError):
                timer.start()
                self._summarizing = timer

    def _summarize(self) -> None:
        """Write a line for each kind of lines that were left out."""
        self._summarizing = None
        for lines in self._bursts.take_suppressed():
            super().handle(_summary(lines))

    def _write(self, level: int, lines: list[bytes], packed: list[tuple[int, bytes]]) -> None:
        lines.append(b"")
        self._lines.write(b"\n".join(lines), level >= logging.WARNING)
        self._sender.emit_packed(packed)


def _summary(lines: SuppressedLines) -> logging.LogRecord:
    fields = {"suppressed": lines.count, "suppressed_message": lines.message}
    if lines.fault:
        fields["suppressed_fingerprint"] = lines.fault
    described = {"name": lines.logger, "levelno": lines.level, "msg": "log lines suppressed"}
    return logging.makeLogRecord(described | fields)


def _is_short(line: bytes) -> bool:
    """Whether an encoded line is in ASCII, and no text of it is too long."""
    return len(line) <= MAX_TEXT and line.isascii()
