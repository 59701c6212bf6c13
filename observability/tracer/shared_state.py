"""What the spans of one tracer have in common."""

import logging
import sys
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.tracer.batch import SpanBatcher

_logger = logging.getLogger(__name__)


class TracerSharedState:
    """What the spans of one tracer have in common, and where they go.

    Args:
        resource: whose spans they are.
        scope: names the tracer.
        limits: those of the provider.
        batcher: takes encoded spans; never blocks.
        dropped: called with the number of spans that could not be encoded.

    Attributes:
        export: takes encoded spans.
    """

    def __init__(
        self,
        resource: Resource,
        scope: InstrumentationScope,
        limits: SpanLimits,
        batcher: SpanBatcher,
        dropped: Callable[[int], None],
    ) -> None:
        self.resource = resource
        self.scope = scope
        self.limits = limits
        self.max_attributes = _or_endless(limits.max_span_attributes)
        self.max_length = _or_endless(limits.max_span_attribute_length)
        self.export = batcher.add
        self._dropped = dropped

    def takes(self, key: object, value: Any) -> bool:
        """Whether an attribute is one that the encoder takes as it is."""
        if type(key) is not str or not key or not key.isascii():
            return False
        if type(value) is str:
            return len(value) <= self.max_length
        if type(value) is int:
            return -(2**63) <= value < 2**63
        return type(value) in (bool, float)

    def lose(self) -> None:
        """Count a span whose encoding raised the current exception, which must not harm the caller."""
        _logger.exception("A span cannot be encoded")
        self._dropped(1)


def _or_endless(limit: int | None) -> int:
    return sys.maxsize if limit is None else limit
