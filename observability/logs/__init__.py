"""Structured logs: every record as one JSON line on stderr and one Fluent record to the collector."""

from observability.logs.handler import Entry, Handler, Line, Lines, configure

__all__ = ["Entry", "Handler", "Line", "Lines", "configure"]
