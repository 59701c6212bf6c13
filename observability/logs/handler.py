"""Logs: every record of the process as one JSON line on stderr and one fluent record to the collector."""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, TextIO

import msgspec
from msgspec import UNSET, UnsetType
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from observability.deferred import DEFERRED
from observability.logs import stderr
from observability.logs.fluent import HoldingSender, NullSender
from observability.propagation import hex_trace_id
from observability.settings import Settings
from observability.synthetic import FIELD as SYNTHETIC
from observability.synthetic import synthetic_type
from observability.text import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_TEXT,
    Fields,
    Json,
    bounded,
    field_name,
    plain,
    simple,
)

#: Loggers whose own handlers would write past ours.
REROUTED = (
    "uvicorn",
    "uvicorn.error",
    "gunicorn.error",
    "tornado",
    "kombu",
    "amqp",
    "django",
    "django.server",
)
#: Loggers of access lines, of which every hop has its own, with the trace id.
SILENCED = ("uvicorn.access", "gunicorn.access", "tornado.access")
#: Loggers that tell at INFO what concerns nobody, or repeat at WARNING what the access line says.
CALMED = {"httpx": logging.WARNING, "django.request": logging.ERROR, "asyncio": logging.WARNING}

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

#: Names that the record itself has, or may have.
_RESERVED = frozenset(
    {"time", "level", "message", "logger", "service", "instance", "trace_id", "span_id", "exception"}
) | {SYNTHETIC}
#: Types of which nearly every value can stay as it is, but for its size.
_PLAIN = frozenset({str, int, float, bool, type(None)})

#: Of a text of which MAX_FIELDS / 2 fit into a record.
_SHORT_TEXT = MAX_FIELD_BYTES // MAX_FIELDS // 4
#: Names that the log store keeps as they are, of those that were seen.
_good_names = set[str]()
_PLAIN_NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MAX_GOOD_NAMES = 1024

_root = logging.getLogger()
_logger = logging.getLogger(__name__)


class Line(msgspec.Struct, gc=False):
    """A line of a kind of which there are many. A subclass has the fields of that kind: texts and finite
    numbers."""

    service: str
    instance: str
    time: str
    level: str
    message: str
    logger: str
    trace_id: str | UnsetType
    span_id: str | UnsetType

    def own_fields(self) -> dict[str, Any]:
        """The fields of its kind."""
        pairs = (
            (name, getattr(self, name)) for name in self.__struct_fields__[len(Line.__struct_fields__) :]
        )
        return {name: value for name, value in pairs if value is not UNSET}


class Entry(NamedTuple):
    """A line that is to be written.

    Attributes:
        level: as in `logging`.
        created: nanoseconds since the epoch.
        span: the context of the span that it belongs to.
    """

    line: Line
    level: int
    created: int
    span: SpanContext


class Handler(logging.Handler):
    """Writes each record to stderr and hands it to the collector, trace and span id included.

    Args:
        settings: whose records these are.
        sender: takes the records for the collector.
        stream: where the lines go; stderr as it is at the time of writing when None.
    """

    def __init__(
        self, settings: Settings, sender: HoldingSender | NullSender, stream: TextIO | None = None
    ) -> None:
        super().__init__()
        self._identity: dict[str, Json] = {"service": settings.service, "instance": settings.instance_id}
        self._to_json = msgspec.json.Encoder().encode
        self._to_msgpack = msgspec.msgpack.Encoder().encode
        self._sender = sender
        self._lines = stderr.LINES if stream is None else stderr.DirectLines(stream)

    def flush(self) -> None:
        """Write to the stream what waits."""
        self._lines.flush()

    def handle(self, record: logging.LogRecord) -> bool:
        # First what was before it; and not under this handler's lock, which who writes that may need, too.
        DEFERRED.settle()
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = self._identity | fields_of(record)
            line = self._to_json(fields)
            if not line.isascii():
                # Beyond ASCII there are line separators, and a stderr that is not UTF-8 would spoil the line.
                line = json.dumps(fields).encode()
            self._write(record.levelno, [line], [(_created(record), self._to_msgpack(fields))])
        except Exception:  # what is logged must not fail what logs it
            self._sender.lose(1)
            self.handleError(record)

    def emit_plain(self, name: str, level: int, message: str, fields: Mapping[str, Any]) -> bool:
        """Write a line without a record; False, and nothing is written, where that needs more than encoding:
        a value that is not plain, text that is long or not ASCII, a name that the line has itself."""
        if not _PLAIN.issuperset(map(type, fields.values())) or not _RESERVED.isdisjoint(fields):
            return False
        if len(fields) > MAX_FIELDS // 2 or not _has_good_names(fields):
            return False
        created = time.time_ns()
        whole = {
            **self._identity,
            **_common(created, level, message, name),
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

    def emit_lines(self, entries: list[Entry]) -> list[Entry]:
        """Write lines that are all there.

        Returns:
            those that are not written: they need more than encoding, as text that is long or not ASCII.
        """
        to_json, to_msgpack = self._to_json, self._to_msgpack
        lines, packed, others, highest = list[bytes](), list[tuple[int, bytes]](), list[Entry](), 0
        for entry in entries:
            line, level, created, _ = entry
            try:
                encoded, fields = to_json(line), to_msgpack(line)
            except Exception:  # what UTF-8 or an integer of 64 bits cannot carry, or no plain value
                encoded = fields = b""
            if encoded and _is_short(encoded):
                lines.append(encoded)
                packed.append((created, fields))
                if level > highest:
                    highest = level
            else:
                others.append(entry)
        if lines:
            self._write(highest, lines, packed)
        return others

    def _write(self, level: int, lines: list[bytes], packed: list[tuple[int, bytes]]) -> None:
        lines.append(b"")
        self._lines.write(b"\n".join(lines), level >= logging.WARNING)
        self._sender.emit_packed(packed)


class Lines:
    """The lines of a hot path: what `logging.getLogger(name).log(level, message, extra=fields)` writes, at a
    quarter of its cost.

    Without a record, that is, where nobody but the hop's handler would see it; otherwise (other handlers or
    filters, values that are not plain) as a record like any other.

    Args:
        name: of the logger.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger = logging.getLogger(name)

    def write(self, level: int, message: str, fields: Mapping[str, Any]) -> None:
        """Write a line, with the ids of the current span.

        Args:
            level: as in `logging`.
            message: as it is: nothing is put into it.
            fields: go beside the line's own.
        """
        logger = self._logger
        if not logger.isEnabledFor(level):
            return
        handler = _sole_handler(logger)
        if handler is None or not handler.emit_plain(self._name, level, message, fields):
            logger.log(level, message, extra=fields)

    def write_all(self, entries: list[Entry]) -> None:
        """Write lines that are all there."""
        logger = self._logger
        if not logger.isEnabledFor(min([entry.level for entry in entries])):
            entries = [entry for entry in entries if logger.isEnabledFor(entry.level)]
        handler = _sole_handler(logger)
        for entry in entries if handler is None else handler.emit_lines(entries):
            try:
                self._record(entry)
            except Exception:  # it costs no other line
                _logger.exception("A line cannot be written", extra={"line": self._name})

    def _record(self, entry: Entry) -> None:
        """Write a line as a record of its time, in its span."""
        line, level, created, span = entry
        extra = line.own_fields()
        record = self._logger.makeRecord(self._name, level, "", 0, line.message, (), None, extra=extra)
        record.created, record.msecs = created / 1e9, created // 1_000_000 % 1000
        token = context.attach(trace.set_span_in_context(NonRecordingSpan(span)))
        try:
            self._logger.handle(record)
        finally:
            context.detach(token)


def _sole_handler(logger: logging.Logger) -> Handler | None:
    """The hop's handler, if a record of the logger would reach it and nothing else."""
    at: logging.Logger | None = logger
    while at is not None and at is not _root:
        if at.handlers or at.filters or not at.propagate:
            return None
        at = at.parent
    if len(_root.handlers) != 1:
        return None
    (handler,) = _root.handlers
    return handler if type(handler) is Handler and not handler.filters else None


def _common(created: int, level: int, message: str, logger: str) -> dict[str, Json]:
    """The fields that every line has."""
    fields: dict[str, Json] = {
        "time": time_of(created),
        "level": level_name(level),
        "message": message,
        "logger": logger,
    }
    trace_id, span_id, _, _, state, is_valid = trace.get_current_span().get_span_context()
    if is_valid:
        fields["trace_id"] = hex_trace_id(trace_id)
        fields["span_id"] = f"{span_id:016x}"
        if synthetic := synthetic_type(state):
            fields[SYNTHETIC] = synthetic
    return fields


def fields_of(record: logging.LogRecord) -> dict[str, Json]:
    """A record's fields, all of them valid JSON; `extra` fields lie flat beside the record's own."""
    fields = _common(_created(record), record.levelno, bounded(_message(record)), record.name)
    if record.exc_info and record.exc_info[0]:
        fields["exception"] = bounded(logging.Formatter().formatException(record.exc_info))
    extra = {
        _key(name): value if simple(value) else plain(value)
        for name, value in vars(record).items()
        if name not in _STANDARD
    }
    # Of its own fields, only these two may be long; the message is the line, which has a bound of its own.
    is_short = "exception" not in fields and len(record.name) <= _SHORT_TEXT
    if is_short and _fit(extra) and _has_good_names(extra):
        return fields | extra
    message = fields.pop("message")
    bounded_fields = Fields()
    for name, value in (fields | extra).items():
        bounded_fields.add(name, value)
    return {"message": message} | bounded_fields.kept


def _fit(fields: Mapping[str, Json]) -> bool:
    """Whether fields are surely within the bounds of a record. `Fields` brings others into them."""
    for value in fields.values():
        if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > _SHORT_TEXT):
            return False
    return len(fields) <= MAX_FIELDS // 2


def _has_good_names(fields: Mapping[str, Any]) -> bool:
    """Whether each field has a name that the log store takes. Few names are used, again and again."""
    if _good_names.issuperset(fields):
        return True
    checked = Fields()
    for name in fields:
        checked.add(name, None)
    if list(checked.kept) != list(fields):
        return False
    if len(_good_names) < _MAX_GOOD_NAMES:
        _good_names.update(name for name in fields if _PLAIN_NAME.fullmatch(name))
    return True


def _created(record: logging.LogRecord) -> int:
    """When a record was made, in nanoseconds since the epoch."""
    return int(record.created * 1e9)


def _is_short(line: bytes) -> bool:
    """Whether an encoded line is in ASCII, and no text of it is too long."""
    return len(line) <= MAX_TEXT and line.isascii()


def time_of(created: int) -> str:
    """A time, in nanoseconds since the epoch, as lines have it."""
    return _time(created // 1_000_000)


@lru_cache(4)
def _time(milliseconds: int) -> str:
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(4)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(512)
def _key(name: str) -> str:
    return f"extra_{name}" if name in _RESERVED else field_name(name)


@lru_cache(64)
def level_name(level: int) -> str:
    """A level as lines have it."""
    return logging.getLevelName(level).lower()


def configure(handler: Handler) -> None:
    """Send the records of every logger to the handler alone, from INFO up; uncaught exceptions too.

    Callers, threads and processes are in no line, so records no longer ask for them.
    """
    logging._srcfile = None  # the documented switch for it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, Handler) or type(other) is logging.StreamHandler:
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in REROUTED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in SILENCED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False
        logger.disabled = True
    for name, level in CALMED.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit their format must not cost the line
        return f"{plain(record.msg)} {plain(record.args)}"


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> Any:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical("Uncaught exception", exc_info=(kind, error, traceback))
