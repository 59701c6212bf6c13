"""An event inside RabbitMQ: CloudEvents' RabbitMQ binding (binary mode) plus Rio's own headers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from broker.rio.model.event import Event

_PREFIX: Final = "ce-"
_TRACE: Final = ("traceparent", "tracestate")
_ACCEPTED_AT: Final = "rio-accepted-at"
_ATTEMPT: Final = "rio-attempt"
_FIRST_ATTEMPT_AT: Final = "rio-first-attempt-at"
_REPLAYED: Final = "rio-replayed"
_REPLAY: Final = "rio-replay"
_HISTORY: Final = "rio-history"
_HISTORY_KEPT: Final = 100
# All headers of a message travel in one frame, of 128 KiB as RabbitMQ comes; the event has up to 64 KiB.
_HISTORY_BYTES: Final = 20_000
_EXCERPT_CHARACTERS: Final = 160
_NUMBERS: Final = (int, float)
# What the columns hold that a message's numbers go to, and `datetime`.
_LATEST: Final = 253_000_000_000.0
_MOST_ATTEMPTS: Final = 1_000_000
_MOST: Final = 2.0**53
_STATUSES: Final = range(100, 1000)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver an event, as it travels with it and stands beside its dead letter."""

    at: float
    """When it began, seconds since the epoch."""
    status: int | None
    """The sink's HTTP status; None when there was no answer."""
    seconds: float
    reason: str
    body: str
    """The start of the sink's answer."""
    trace_id: str | None = None
    span_id: str | None = None

    def document(self) -> dict[str, Any]:
        """As JSON shows it: {"at", "status", "seconds", "reason", "body", "trace_id", "span_id"}."""
        return {**asdict(self), "body": _excerpt(self.body), "reason": _excerpt(self.reason)}


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to one subscription."""

    event: Event
    trace: Mapping[str, str]
    """The trace context deliveries continue or link to, as W3C headers."""
    accepted_at: float
    """Seconds since the epoch."""
    attempt: int = 1
    """The number of the delivery attempt to come, from 1."""
    first_attempt_at: float | None = None
    """Seconds since the epoch; None before the first attempt."""
    history: tuple[Attempt, ...] = ()
    """The attempts until now, oldest first; of many the newest."""
    replayed: bool = False
    """Sent again on request: its deliveries link to the trace instead of continuing it."""
    replay: int | None = None
    """The replay of past events it was sent again by: consumers are to act on it once more."""

    def headers(self) -> dict[str, Any]:
        """The AMQP headers that carry everything but the body and its content type."""
        headers: dict[str, Any] = {_PREFIX + name: value for name, value in self.event.attributes.items()}
        headers.update(self.trace)
        headers[_ACCEPTED_AT] = self.accepted_at
        headers[_ATTEMPT] = self.attempt
        if self.first_attempt_at is not None:
            headers[_FIRST_ATTEMPT_AT] = self.first_attempt_at
        if self.history:
            headers[_HISTORY] = _history_text(self.history)
        if self.replayed:
            headers[_REPLAYED] = True
        if self.replay is not None:
            headers[_REPLAY] = self.replay
        return headers

    @classmethod
    def read(cls, headers: Mapping[str, Any], content_type: str | None, body: bytes, now: float) -> Self:
        """Read what `headers` wrote. Total: what is missing, or cannot be, gets a default, so nothing can jam
        a queue or fail to be kept.

        `now` (seconds since the epoch) stands in for a missing time of acceptance.
        """
        attributes = {name[3:]: str(value) for name, value in headers.items() if name[:3] == _PREFIX}
        return cls(
            event=Event(attributes, content_type, body),
            trace={name: str(headers[name]) for name in _TRACE if name in headers},
            accepted_at=_number(headers.get(_ACCEPTED_AT), now, _LATEST),
            attempt=max(1, int(_number(headers.get(_ATTEMPT), 1, _MOST_ATTEMPTS))),
            first_attempt_at=_number(headers[_FIRST_ATTEMPT_AT], now, _LATEST)
            if _FIRST_ATTEMPT_AT in headers
            else None,
            history=read_history(headers[_HISTORY]) if _HISTORY in headers else (),
            replayed=headers.get(_REPLAYED) is True,
            replay=int(_number(headers[_REPLAY], 0, _MOST)) if _REPLAY in headers else None,
        )

    def attempted(self, attempt: Attempt) -> Self:
        """The same message after one more attempt."""
        return replace(
            self,
            attempt=self.attempt + 1,
            first_attempt_at=attempt.at if self.first_attempt_at is None else self.first_attempt_at,
            history=self.noted(attempt).history,
        )

    def noted(self, attempt: Attempt) -> Self:
        """The same message with one more attempt in its history."""
        return replace(self, history=(*self.history, attempt)[-_HISTORY_KEPT:])


def read_history(text: Any) -> tuple[Attempt, ...]:
    """Read a JSON list of attempts, as a text or parsed; whatever is none in it is left out."""
    try:
        documents = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return ()
    if not isinstance(documents, list):
        return ()
    return tuple(_attempt(document) for document in documents if isinstance(document, dict))


def _attempt(document: Mapping[str, Any]) -> Attempt:
    status = document.get("status")
    return Attempt(
        at=_number(document.get("at"), 0.0, _LATEST),
        status=status if isinstance(status, int) and status in _STATUSES else None,
        seconds=_number(document.get("seconds"), 0.0, _MOST),
        reason=str(document.get("reason", "")),
        body=str(document.get("body", "")),
        trace_id=_text(document.get("trace_id")),
        span_id=_text(document.get("span_id")),
    )


def _history_text(history: tuple[Attempt, ...]) -> str:
    """JSON of the newest attempts that fit."""
    texts: list[str] = []
    room = _HISTORY_BYTES
    for attempt in reversed(history):
        text = json.dumps(attempt.document(), ensure_ascii=False, separators=(",", ":"))
        room -= len(text.encode()) + 1
        if room < 0:
            break
        texts.append(text)
    return f"[{','.join(reversed(texts))}]"


def _excerpt(text: str) -> str:
    """The start of a text from outside, without what JSON or PostgreSQL would choke on or blow up."""
    start = text[:_EXCERPT_CHARACTERS].encode(errors="replace").decode()
    return "".join(character if character.isprintable() else " " for character in start)


def _number(value: Any, default: float, most: float) -> float:
    """The value if it is a number from 0 to `most`, and not NaN."""
    return float(value) if isinstance(value, _NUMBERS) and 0 <= value <= most else default


def _text(value: Any) -> str | None:
    return _excerpt(value) if isinstance(value, str) else None
