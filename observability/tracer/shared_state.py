"""The state that all spans of a tracer share."""

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
    """Resource, scope, limits and batcher of a tracer's spans (named as in OpenTelemetry's Java SDK).

    Args:
        resource: the process that the spans come from.
        scope: names the tracer.
        limits: of the tracer's provider.
        batcher: takes encoded spans; never blocks.
        dropped: called with the number of spans that could not be encoded.

    Attributes:
        max_attributes: how many attributes a span may have.
        max_length: how many characters an attribute's text may have.
        export: hands encoded spans to the batcher.
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
        self.max_attributes = _or_unlimited(limits.max_span_attributes)
        self.max_length = _or_unlimited(limits.max_span_attribute_length)
        self.export = batcher.add
        self._dropped = dropped

    def can_encode(self, key: object, value: Any) -> bool:
        """Whether `encoder` can encode an attribute: an ASCII key, a primitive value in the limits."""
        if type(key) is not str or not key or not key.isascii():
            return False
        if type(value) is str:
            return len(value) <= self.max_length
        if type(value) is int:
            return -(2**63) <= value < 2**63
        return type(value) in (bool, float)

    def drop(self) -> None:
        """Count a span as dropped and log the current exception, which its encoding raised."""
        _logger.exception("A span was dropped: it could not be encoded")
        self._dropped(1)


def _or_unlimited(limit: int | None) -> int:
    return sys.maxsize if limit is None else limit
