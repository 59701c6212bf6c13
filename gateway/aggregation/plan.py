"""The plan of a route's document: what all of its requests have in common."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.trace import SpanKind

from gateway.aggregation.part import Part
from gateway.context import Context
from observability.tracer import Template

Clock = Callable[[], float]
"""Gives monotonic seconds."""


class Plan:
    """Which parts are called, and in which order.

    Parameters:
        route: the route's id, for metrics.
        parts: in the order in which they stand in the document.
        coalesced: whether documents are given to other requests of the same time, where every part allows it.

    Attributes:
        first: the parts that need no values of others.
        later: those that do.
        referred: names of the parts whose values others refer to.
        cached: whether documents may be kept, so that it matters how old they are.
        keeps: whether last good answers are kept, which writing the document's resource invalidates.
        spans: of each part, by its name.
    """

    def __init__(
        self,
        route: str,
        parts: Sequence[Part],
        context: Context,
        clock: Clock = time.monotonic,
        *,
        coalesced: bool = False,
    ) -> None:
        self.parts: Final = tuple(parts)
        self.first: Final = tuple(part for part in parts if not part.needs)
        self.later: Final = tuple(part for part in parts if part.needs)
        self.referred: Final = frozenset(need for part in parts for need in part.needs)
        self.coalesced: Final = coalesced
        self.cached: Final = any(part.cached for part in parts)
        self.keeps: Final = any(part.on_failure == "stale" for part in parts)
        self.context: Final = context
        self.clock = clock
        self.spans: Final = {
            part.name: Template(
                context.tracer,
                f"part {part.name}",
                SpanKind.INTERNAL,
                {"gateway.route": route, "gateway.part": part.name, "peer.service": part.service},
            )
            for part in parts
        }
        self._route = route

    def failed(self, part: Part, policy: str) -> None:
        """Count a part that failed."""
        self.context.metrics.part_failed(self._route, part.name, policy)
