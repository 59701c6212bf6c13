"""Logs: every record of the process as one JSON line on stderr and one fluent record to the collector."""

import json
import logging
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from queue import Empty
from types import TracebackType
from typing import Any, TextIO

import msgspec
from fluent import asyncsender
from opentelemetry import trace

from observability.settings import Settings
from observability.text import Json, bounded, plain, simple

#: Records that wait for the collector, the oldest dropped first.
QUEUE_RECORDS = 8192
BATCH_RECORDS = 256
SEND_SECONDS = 3.0
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_LAST_SECONDS = 3.0

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

_EVENT_TIME = struct.Struct(">BBII").pack
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

#: Names that the record itself has, or may have.
_RESERVED = frozenset(
    {"time", "level", "message", "logger", "service", "instance", "trace_id", "span_id", "exception"}
)

_logger = logging.getLogger(__name__)


class HoldingSender(asyncsender.FluentSender):  # type: ignore[misc] # fluent-logger is not typed
    """fluent-logger's queue and packets, with a sending thread that holds its batch until it was taken.

    fluent-logger's own thread keeps what it could not send outside of the bounded queue, drops all of that
    at once when it grows, and sends it only when another record comes.
    """

    def __init__(self, tag: str, host: str, port: int, dropped: Callable[[int], None]) -> None:
        self._dropped = dropped
        # A message of the Forward protocol: an array of the tag, an EventTime and the record.
        self._head = b"\x93" + msgspec.msgpack.encode(tag)
        self._closed = False
        self._closing = threading.Event()
        super().__init__(
            tag,
            host=host,
            port=port,
            timeout=SEND_SECONDS,
            nanosecond_precision=True,
            queue_maxsize=QUEUE_RECORDS,
            queue_circular=True,
            queue_overflow_handler=self._overflowed,
        )

    def emit_packed(self, created: float, fields: bytes) -> None:
        """Queue a record.

        Args:
            created: seconds since the epoch.
            fields: a MessagePack map.
        """
        self._send(
            b"".join((self._head, _EVENT_TIME(0xD7, 0, int(created), int(created % 1 * 10**9)), fields))
        )

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until every record was sent; False when the time was not enough."""
        with self._queue.all_tasks_done:
            return bool(
                self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout_seconds)
            )

    def close(self, timeout_seconds: float = SEND_SECONDS) -> None:
        """Send what there is and stop; what is left after `timeout_seconds` is dropped and counted."""
        self.flush(timeout_seconds)
        with self.lock:
            if self._closed:
                return
            self._closed = True
        self._closing.set()
        while (packet := self._next(block=False)) is not None:
            self._overflowed(packet)
        self._queue.put(b"")  # ends the thread
        self._send_thread.join(timeout_seconds)

    def _overflowed(self, _packet: bytes) -> None:
        self._dropped(1)
        self._queue.task_done()

    def _next(self, block: bool) -> bytes | None:
        try:
            packet: bytes = self._queue.get(block)
        except Empty:
            return None
        return packet

    def _send_loop(self) -> None:
        while first := self._next(block=True):
            packets = [first, *islice(iter(lambda: self._next(block=False), None), BATCH_RECORDS - 1)]
            self._deliver(packets)
            for _ in packets:
                self._queue.task_done()
        self._close()

    def _deliver(self, packets: list[bytes]) -> None:
        """Try until the packets are sent, or the sender is closed: then they are dropped and counted."""
        joined = b"".join(packets)
        backoff = 0.0
        while not self._try(joined):
            if not backoff:
                _logger.warning("Collector does not take logs; holding them")
            backoff = min(max(2 * backoff, BACKOFF_FIRST_SECONDS), BACKOFF_LAST_SECONDS)
            if self._closing.wait(backoff):
                self._dropped(len(packets))
                return
        if backoff:
            _logger.info("Collector takes logs again")

    def _try(self, packets: bytes) -> bool:
        try:
            self._send_data(packets)
        except OSError:
            self._close()
            return False
        return True


class Handler(logging.Handler):
    """Writes each record to stderr and hands it to the collector, trace and span id included.

    Args:
        settings: whose records these are.
        sender: takes the records for the collector.
        stream: where the lines go; stderr as it is at the time of writing when None.
    """

    def __init__(self, settings: Settings, sender: HoldingSender, stream: TextIO | None = None) -> None:
        super().__init__()
        self._identity: dict[str, Json] = {"service": settings.service, "instance": settings.instance_id}
        self._to_json = msgspec.json.Encoder().encode
        self._to_msgpack = msgspec.msgpack.Encoder().encode
        self._sender = sender
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = self._identity | fields_of(record)
            stream = self._stream or sys.stderr
            line = self._to_json(fields)
            # Beyond ASCII there are line separators, and a stderr that is not UTF-8 would spoil the line.
            stream.write(line.decode() + "\n" if line.isascii() else json.dumps(fields) + "\n")
            stream.flush()
            self._sender.emit_packed(record.created, self._to_msgpack(fields))
        except (OSError, ValueError):
            return  # stderr is gone: nowhere left to say so, and a request must not fail for it


def fields_of(record: logging.LogRecord) -> dict[str, Json]:
    """A record's fields, all of them valid JSON; `extra` fields lie flat beside the record's own."""
    fields: dict[str, Json] = {
        "time": f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03d}Z",
        "level": _level(record.levelname),
        "message": bounded(_message(record)),
        "logger": record.name,
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        fields["trace_id"] = trace.format_trace_id(context.trace_id)
        fields["span_id"] = trace.format_span_id(context.span_id)
    if record.exc_info and record.exc_info[0]:
        fields["exception"] = bounded(logging.Formatter().formatException(record.exc_info))
    for name, value in vars(record).items():
        if name not in _STANDARD:
            fields[_key(name)] = value if simple(value) else plain(value)
    return fields


@lru_cache(4)
def _second(created: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created))


@lru_cache(512)
def _key(name: str) -> str:
    return f"extra_{name}" if name in _RESERVED else bounded(name)


@lru_cache(64)
def _level(name: str) -> str:
    return name.lower()


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
        return f"{record.msg!r} {record.args!r}"


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> Any:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical("Uncaught exception", exc_info=(kind, error, traceback))
