"""A logger for hot paths, past the record that `logging` makes of each call.

Replaces logging.Logger.log where a request or an event has a line: 3.6 us in place of 11 (python -m
tests.bench.telemetry_parts). To be dropped when a line by `logging` takes 5.
"""

import logging
from collections.abc import Mapping
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan

from observability.logs.burst_limit import never_limit
from observability.logs.handler import Handler
from observability.logs.log_line import LogEntry

_root = logging.getLogger()
_logger = logging.getLogger(__name__)


class FastLogger:
    """The lines of a hot path: what `logging.getLogger(name).log(level, message, extra=fields)` writes, at a
    third of its cost.

    It makes no record where the hop's handler is the only one that would see it; otherwise (other handlers or
    filters, values that are not plain) it logs one like any other. Bursts are not limited.

    Args:
        name: of the logger.
    """

    def __init__(self, name: str) -> None:
        self._name = never_limit(name)
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

    def write_all(self, entries: list[LogEntry]) -> None:
        """Write lines that are all there."""
        logger = self._logger
        if not logger.isEnabledFor(min([entry.level for entry in entries])):
            entries = [entry for entry in entries if logger.isEnabledFor(entry.level)]
        handler = _sole_handler(logger)
        for entry in entries if handler is None else handler.emit_lines(entries):
            try:
                self._record(entry)
            except Exception:  # it costs no other line
                _logger.exception("A log line cannot be written", extra={"line": self._name})

    def _record(self, entry: LogEntry) -> None:
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
