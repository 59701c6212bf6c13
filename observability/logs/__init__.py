"""Structured logs: every record as one JSON line on stderr and one Fluent record to the collector."""

from observability import lifecycle
from observability.logs.configuration import configure
from observability.logs.fast_logger import FastLogger
from observability.logs.handler import Handler
from observability.logs.log_line import LogEntry, LogLine

__all__ = ["FastLogger", "Handler", "LogEntry", "LogLine", "configure"]

lifecycle.register()
