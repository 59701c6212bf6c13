"""What the emitting addresses answer, however they are served: POST /events and the short form."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

from broker.rio import refusals
from broker.rio.ingest.emission import MAX_AHEAD, Emission, Outcome
from broker.rio.metrics import ApiMetrics
from broker.rio.model import event as events
from broker.rio.model.event import Event
from broker.rio.model.sender import Sender, Senders
from observability.http.problem import Problem
from observability.propagation import current_trace_id

DELIVER_AFTER: Final = "deliver-after"
ORDERED: Final = "rio-ordered"
ON_BEHALF_OF: Final = "rio-on-behalf-of"
"""The header by which the relay names the service whose events it brings."""
EVENTS_ROUTE: Final = "/events"
SHORT_ROUTE: Final = "/event/{project}/emit/{action}"
SHORT_PATTERN: Final = r"/event/([A-Za-z0-9_-]+)/emit/([A-Za-z0-9_.-]+)"

MAX_KEY: Final = 255
"""Characters of the id that the short form takes."""

_SHORT: Final = re.compile(SHORT_PATTERN)
_FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 1000
_REASONS: Final = {
    400: "malformed",
    401: "unauthorized",
    403: "not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "schema",
    424: "held_back",
    429: "too_many",
    503: "unavailable",
}
_OTHER_REASON: Final = "other"


@dataclass(frozen=True, slots=True)
class Posted:
    """A request to emit."""

    path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name, at least when it is asked for in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def route_of(path: str) -> str:
    """The emitting address a path means, or an empty text."""
    if path == EVENTS_ROUTE:
        return EVENTS_ROUTE
    return SHORT_ROUTE if _SHORT.fullmatch(path) else ""


class Emitting:
    """Answers posts to the emitting addresses."""

    def __init__(
        self,
        *,
        senders: Senders,
        emission: Emission,
        metrics: ApiMetrics,
        max_body_bytes: int,
        prepared: Callable[[], bool],
    ) -> None:
        """`prepared` tells whether every declared subscription has its queue: an event taken before would
        miss them."""
        self._senders = senders
        self._emission = emission
        self._metrics = metrics
        for reason in (*_REASONS.values(), _OTHER_REASON):
            metrics.refused.labels(reason)  # at 0: an alert sees the first ones as an increase
        self._max_body_bytes = max_body_bytes
        self._prepared = prepared

    async def answer(self, posted: Posted) -> Answer:
        """Take what is posted; answered when it is safe. Every refusal is an answer, too."""
        try:
            return await self._answer(posted)
        except Problem as problem:
            self._count(problem.status)
            return _problem(problem)

    async def _answer(self, posted: Posted) -> Answer:
        sender = self._sender(posted)
        media = _media(posted)
        after_seconds = _deliver_after(posted)
        short = _SHORT.fullmatch(posted.path)
        if short is None and media == events.BATCH:
            ordered = _ordered(posted)
            return await self._batch(sender, events.parse_batch(posted.body), after_seconds, ordered)
        event = _single(posted, media) if short is None else _short(posted, media, short[1], short[2], sender)
        (refusal,) = await self._emission.emit(sender, (event,), after_seconds)
        if refusal is not None:
            raise refusal
        return Answer(202, b'{"id": %b}' % json.dumps(event.id).encode())

    def _sender(self, posted: Posted) -> Sender:
        sender = self._senders.by_authorization(posted.headers.get("authorization", ""))
        if sender is None:
            raise unknown_sender()
        if sender.viewer:
            raise refusals.read_only(sender.name)
        if (name := posted.headers.get(ON_BEHALF_OF)) is not None:
            sender = self._on_behalf_of(sender, name)
        if len(posted.body) > self._max_body_bytes:
            raise Problem(413, "Body too large", detail=f"at most {self._max_body_bytes} bytes")
        if not self._prepared():
            raise refusals.unavailable("Rio is starting", "The declared subscriptions are not there yet")
        return sender

    def _on_behalf_of(self, sender: Sender, name: str) -> Sender:
        """The service that a sender emits for, or raise Problem 403."""
        service = self._senders.service(name) if sender.relays else None
        if service is None:
            raise Problem(
                403, "Not on behalf of others", detail=f"{sender.name} may not emit for {name[:100]}"
            )
        return service

    async def _batch(
        self, sender: Sender, parsed: Sequence[Event | Problem], after_seconds: float, ordered: bool
    ) -> Answer:
        if ordered:
            parsed = _up_to_first_problem(parsed)
        good = [found for found in parsed if isinstance(found, Event)]
        outcomes = iter(await self._emission.emit(sender, good, after_seconds, ordered=ordered))
        accepted: list[str] = []
        refused: list[tuple[int, Problem]] = []
        for index, found in enumerate(parsed):
            outcome: Outcome = found if isinstance(found, Problem) else next(outcomes)
            if outcome is not None:
                self._count(outcome.status)
                refused.append((index, outcome))
            elif isinstance(found, Event):
                accepted.append(found.id)
        shown = {
            "accepted": accepted,
            "refused": [{"index": index, "problem": problem.document()} for index, problem in refused],
        }
        if refused and not accepted:
            return _refused_whole([problem for _, problem in refused], shown)
        return Answer(202, json.dumps(shown).encode())

    def _count(self, status: int) -> None:
        self._metrics.refused.labels(_REASONS.get(status, _OTHER_REASON)).inc()


def unknown_sender() -> Problem:
    """Nobody who may speak to Rio."""
    return Problem(
        401,
        "Unknown sender",
        detail="a sender's name and token, or its bearer token, is needed",
        headers={"WWW-Authenticate": 'Bearer realm="rio", Basic realm="rio"'},
    )


def _problem(problem: Problem) -> Answer:
    return Answer(problem.status, problem.encode(current_trace_id()), Problem.MEDIA_TYPE, problem.headers)


def _refused_whole(problems: Sequence[Problem], shown: Mapping[str, Any]) -> Answer:
    """Nothing of a batch stands: the status says whether to try again, and every problem is told."""
    statuses = {problem.status for problem in problems}
    again = next((status for status in (503, 429) if status in statuses), None)
    status = again or (statuses.pop() if len(statuses) == 1 else 400)
    waits = [int(problem.headers["Retry-After"]) for problem in problems if "Retry-After" in problem.headers]
    document = Problem(status, "No event of the batch can be taken").document(current_trace_id())
    headers = {"Retry-After": str(max(waits))} if again and waits else {}
    return Answer(status, json.dumps({**document, **shown}).encode(), Problem.MEDIA_TYPE, headers)


def _ordered(posted: Posted) -> bool:
    """Whether the batch's events of one subject must be accepted in order."""
    text = posted.headers.get(ORDERED)
    if text not in (None, "subject"):
        raise Problem(400, f"Bad {ORDERED}", detail="`subject` is all it can be")
    return text is not None


def _up_to_first_problem(parsed: Sequence[Event | Problem]) -> list[Event | Problem]:
    """The batch, but what is behind an element that is no event held back: its subject is not known."""
    first = next((index for index, found in enumerate(parsed) if isinstance(found, Problem)), len(parsed))
    behind = (found if isinstance(found, Problem) else refusals.held_back() for found in parsed[first:])
    return [*parsed[:first], *behind]


def _media(posted: Posted) -> str:
    return posted.headers.get("content-type", "").partition(";")[0].strip().lower()


def _deliver_after(posted: Posted) -> float:
    """Seconds, by header or query."""
    text = posted.headers.get(DELIVER_AFTER)
    if text is None and DELIVER_AFTER in posted.query:
        text = dict(parse_qsl(posted.query)).get(DELIVER_AFTER)
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_AHEAD.total_seconds():
        detail = f"must be 0 to {MAX_AHEAD.total_seconds():.0f} seconds"
        raise Problem(400, f"Bad {DELIVER_AFTER}", detail=detail)
    return seconds


def _single(posted: Posted, media: str) -> Event:
    if media == events.STRUCTURED:
        return events.parse_structured(posted.body)
    if "ce-specversion" in posted.headers:
        return events.parse_binary(posted.headers.items(), posted.body)
    detail = f"send {events.STRUCTURED}, {events.BATCH} or ce-* headers"
    raise Problem(415, "Not a CloudEvent", detail=detail)


def _short(posted: Posted, media: str, project: str, action: str, sender: Sender) -> Event:
    """The event of a short form; its source is the project's where the sender may use that, else its own."""
    content_type, body = _short_data(posted, media)
    key = posted.headers.get("ce-id") or posted.headers.get("idempotency-key", "").strip('"')
    if len(key) > MAX_KEY:
        raise Problem(400, "Bad idempotency-key", detail=f"at most {MAX_KEY} characters")
    source = f"/{project}" if sender.may_use_source(f"/{project}") else f"/{sender.name}"
    attributes = {"id": key or str(uuid4()), "source": source, "type": f"{project}.{action}"}
    return events.make_event(attributes, content_type, body)


def _short_data(posted: Posted, media: str) -> tuple[str | None, bytes]:
    """Content type and bytes of the event's data: JSON as it came, a form as a JSON object."""
    body = posted.body
    if not body:
        return None, b""
    # curl says `form` of whatever -d is given; no form begins like a JSON object or array.
    if media == _FORM and body[:1] not in (b"{", b"["):
        return "application/json", json.dumps(_fields(body), ensure_ascii=False).encode()
    if media in (_FORM, "application/json", "") or media.endswith("+json"):
        events.require_json(body)
        return "application/json" if media == _FORM else media or "application/json", body
    raise Problem(415, "Neither JSON nor a form", detail=f"send application/json or {_FORM}")


def _fields(body: bytes) -> dict[str, str | list[str]]:
    """A form's fields; one that is there several times is a list."""
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise Problem(400, "Malformed form", detail=str(error)[:200]) from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
