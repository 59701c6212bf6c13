"""An event inside RabbitMQ: CloudEvents' RabbitMQ binding (binary mode) plus Rio's own headers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from broker.rio.events import Event

_PREFIX: Final = "ce-"
_TRACE: Final = ("traceparent", "tracestate")
_ACCEPTED_AT: Final = "rio-accepted-at"
_ATTEMPT: Final = "rio-attempt"
_FIRST_ATTEMPT_AT: Final = "rio-first-attempt-at"


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to one subscription."""

    event: Event
    trace: Mapping[str, str]
    """The trace context deliveries continue, as W3C headers."""
    accepted_at: float
    """Seconds since the epoch."""
    attempt: int = 1
    """The number of the delivery attempt to come, from 1."""
    first_attempt_at: float | None = None
    """Seconds since the epoch; None before the first attempt."""

    def headers(self) -> dict[str, Any]:
        """The AMQP headers that carry everything but the body and its content type."""
        headers: dict[str, Any] = {_PREFIX + name: value for name, value in self.event.attributes.items()}
        headers.update(self.trace)
        headers[_ACCEPTED_AT] = self.accepted_at
        headers[_ATTEMPT] = self.attempt
        if self.first_attempt_at is not None:
            headers[_FIRST_ATTEMPT_AT] = self.first_attempt_at
        return headers

    @classmethod
    def read(cls, headers: Mapping[str, Any], content_type: str | None, body: bytes, now: float) -> Self:
        """Read what `headers` wrote. Total: what is missing gets a default, so nothing can jam a queue.

        `now` (seconds since the epoch) stands in for a missing time of acceptance.
        """
        attributes = {
            name.removeprefix(_PREFIX): str(value)
            for name, value in headers.items()
            if name.startswith(_PREFIX)
        }
        return cls(
            event=Event(attributes, content_type, body),
            trace={name: str(headers[name]) for name in _TRACE if name in headers},
            accepted_at=_number(headers.get(_ACCEPTED_AT), now),
            attempt=max(1, int(_number(headers.get(_ATTEMPT), 1))),
            first_attempt_at=_number(headers[_FIRST_ATTEMPT_AT], now)
            if _FIRST_ATTEMPT_AT in headers
            else None,
        )

    def attempted(self, now: float) -> Self:
        """The same message after one more attempt, the first of which was at `now` if there was none."""
        first = now if self.first_attempt_at is None else self.first_attempt_at
        return replace(self, attempt=self.attempt + 1, first_attempt_at=first)


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default
