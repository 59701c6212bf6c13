"""Log lines of a kind of which there are many: made whole, without a record."""

import logging
import time
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from opentelemetry.trace import SpanContext


class LogLine(msgspec.Struct, gc=False):
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
            (name, getattr(self, name)) for name in self.__struct_fields__[len(LogLine.__struct_fields__) :]
        )
        return {name: value for name, value in pairs if value is not UNSET}


class LogEntry(NamedTuple):
    """A line that is to be written.

    Attributes:
        level: as in `logging`.
        created: nanoseconds since the epoch.
        span: the context of the span that it belongs to.
    """

    line: LogLine
    level: int
    created: int
    span: SpanContext


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


@lru_cache(64)
def level_name(level: int) -> str:
    """A level as lines have it."""
    return logging.getLevelName(level).lower()
