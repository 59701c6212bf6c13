"""Events on their way to Rio: which request comes next, and what became of each event. No I/O of its own."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.client.draft import Draft
from broker.client.dsn import Dsn
from broker.client.errors import EmitError, Refused, Unavailable
from observability.http.retry_after import read_retry_after
from observability.resilience.backoff import full_jitter
from observability.span_error import set_error, type_of

_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_MAX_EVENTS: Final = 100
_MAX_BYTES: Final = 256 * 1024
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which another try can help."""
_UNAUTHORIZED: Final = frozenset({401, 403})
"""Answers that would be the same for every event of a batch."""

_propagator: Final = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of one event: Rio has accepted it, or why not."""

    id: str
    error: EmitError | None = None
    """Why Rio does not have it; None once it has."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to post to Rio, after a pause."""

    body: bytes
    headers: Mapping[str, str]
    pause_seconds: float
    """How long to wait before."""


@dataclass(slots=True)
class _Item:
    draft: Draft
    span: Span
    document: bytes
    trace: Mapping[str, str]
    sent: Sent | None = None


class Sending:
    """Takes events to their outcome, within a budget of time that begins anew whenever one is decided."""

    def __init__(self, dsn: Dsn, drafts: Sequence[Draft], budget_seconds: float) -> None:
        self._budget_seconds = budget_seconds
        self._spans = ExitStack()
        self._items = [self._item(dsn, draft) for draft in drafts]
        self._pending = list(self._items)
        self._posted: list[_Item] = []
        self._at_once = _MAX_EVENTS
        self._pause_seconds = 0.0
        self._renew()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spans.close()

    @property
    def sent(self) -> list[Sent]:
        """The outcome of each event, in the order given; complete once `next` returns None."""
        return [item.sent for item in self._items if item.sent is not None]

    def next(self) -> Request | None:
        """The next request to post; None once every event is accepted or refused."""
        if not self._pending:
            return None
        self._posted = self._fitting()
        if len(self._posted) == 1:
            (item,) = self._posted
            return Request(item.document, {"Content-Type": _STRUCTURED, **item.trace}, self._pause_seconds)
        body = b"[" + b",".join(item.document for item in self._posted) + b"]"
        # Many traces' events in one request: it belongs to the caller's.
        own: dict[str, str] = {}
        _propagator.inject(own)
        return Request(body, {"Content-Type": _BATCH, **own}, self._pause_seconds)

    def answered(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Rio's answer to the request given last. `headers`: names in lower case."""
        answer = _document(body)
        if isinstance(answer.get("refused"), list) and len(self._posted) > 1:
            self._read_batch(answer["refused"], headers)
        elif 200 <= status < 300:
            self._decide((item, None) for item in self._posted)
        elif status in _LATER:
            self._again(f"{status} {answer.get('title', '')}".rstrip(), headers)
        elif len(self._posted) > 1 and status not in _UNAUTHORIZED:
            self._at_once = 1  # one of them is to blame for the refusal of all
        else:
            self._decide((item, Refused(item.draft.id, status, answer)) for item in self._posted)

    def failed(self, error: Exception) -> None:
        """The request given last has no answer."""
        self._again(f"{type(error).__name__}: {error}", {})

    def _item(self, dsn: Dsn, draft: Draft) -> _Item:
        type_, source = f"{dsn.project}.{draft.action}", draft.source or f"/{dsn.sender}"
        span = _span(dsn, draft, type_, source)
        self._spans.callback(span.end)
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(span))
        try:
            return _Item(draft, span, draft.document(type_, source, carrier), carrier)
        except (TypeError, ValueError):
            self._spans.close()
            raise

    def _fitting(self) -> list[_Item]:
        """As many pending events as one request may carry; at least one."""
        size = 0
        for count, item in enumerate(self._pending[: self._at_once]):
            size += len(item.document) + 1
            if count and size > _MAX_BYTES:
                return self._pending[:count]
        return self._pending[: self._at_once]

    def _read_batch(self, refused: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> None:
        problems = {entry.get("index"): entry.get("problem") or {} for entry in refused}
        decided: list[tuple[_Item, EmitError | None]] = []
        reason = ""
        for index, item in enumerate(self._posted):
            problem = problems.get(index)
            status = 202 if problem is None else int(problem.get("status", 400))
            if problem is None:
                decided.append((item, None))
            elif status in _LATER:
                reason = f"{status} {problem.get('title', '')}".rstrip()
            else:
                decided.append((item, Refused(item.draft.id, status, problem)))
        self._decide(decided)
        if reason:
            self._again(reason, headers)

    def _decide(self, outcomes: Iterable[tuple[_Item, EmitError | None]]) -> None:
        before = len(self._pending)
        for item, error in outcomes:
            item.sent = Sent(item.draft.id, error)
            if error is not None:
                set_error(item.span, type_of(error), str(error))
        self._pending = [item for item in self._pending if item.sent is None]
        if len(self._pending) < before:
            self._renew()

    def _again(self, reason: str, headers: Mapping[str, str]) -> None:
        """Try once more after a pause: exponential with full jitter, on top of what Rio asks for."""
        self._tries += 1
        jitter = full_jitter(self._tries, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._pause_seconds = jitter + (read_retry_after(headers.get("retry-after")) or 0.0)
        if time.monotonic() + self._pause_seconds > self._deadline:
            self._decide((item, Unavailable(item.draft.id, reason)) for item in self._pending)
            return
        for item in self._pending[: self._at_once]:
            item.span.add_event("retry", {"reason": reason})

    def _renew(self) -> None:
        self._tries = 0
        self._pause_seconds = 0.0
        self._deadline = time.monotonic() + self._budget_seconds


def _span(dsn: Dsn, draft: Draft, type_: str, source: str) -> Span:
    attributes: dict[str, str | int] = {
        "messaging.system": "rio",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": type_,
        "messaging.message.id": draft.id,
        "server.address": dsn.host,
        "server.port": dsn.port,
        "cloudevents.event_id": draft.id,
        "cloudevents.event_type": type_,
        "cloudevents.event_source": source,
    }
    if draft.subject is not None:
        attributes["cloudevents.event_subject"] = draft.subject
    tracer = trace.get_tracer(__name__)
    return tracer.start_span(f"send {type_}", kind=SpanKind.PRODUCER, attributes=attributes)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
