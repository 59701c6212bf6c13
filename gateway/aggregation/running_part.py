"""A part of a document whose call is in flight."""

import asyncio
from collections.abc import Callable

from gateway.aggregation.part import Part
from gateway.service_client import Attempt, Call
from observability.tracer import MinimalSpan


class RunningPart:
    """A part's call in flight: its first attempt or the task that retries it, and its span.

    Parameters:
        ended: called when the first attempt has ended.
    """

    __slots__ = ("_ended", "attempt", "call", "part", "span", "task")

    def __init__(self, ended: "Callable[[RunningPart], None]", part: Part, span: MinimalSpan) -> None:
        self.part = part
        self.span = span
        self.call: Call | None = None
        self.attempt: Attempt | None = None
        self.task: asyncio.Task[None] | None = None
        self._ended = ended

    def attempt_ended(self) -> None:
        self._ended(self)
