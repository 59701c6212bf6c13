"""Accepting events: checked, told apart from repeats, into RabbitMQ; confirmed before anybody is told."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from opentelemetry import context, trace
from opentelemetry.trace import Span, StatusCode, Tracer

from broker.rio import refusals, tracing
from broker.rio.amqp.outgoing import Outgoing
from broker.rio.amqp.publisher import Blocked, NotPublished, Publisher
from broker.rio.amqp.topology import EVENTS
from broker.rio.ingest.interests import Interests
from broker.rio.ingest.rates import Rates
from broker.rio.ingest.spans import EventSpans
from broker.rio.jobs.periodic import AWAY
from broker.rio.metrics import ApiMetrics
from broker.rio.model.event import NOT_BEFORE, Event, read_time
from broker.rio.model.message import Message
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Sender
from broker.rio.model.states import State, tell
from broker.rio.store.accepted import Accepted, Standing, key_of
from broker.rio.store.scheduled import MAX_SCHEDULED, Schedule, Scheduled
from broker.rio.store.seen import Seen
from observability.http.problem import Problem

MAX_AHEAD: Final = timedelta(days=30)
_ELSEWHERE_SECONDS: Final = 3.0
_ELSEWHERE_PAUSE_SECONDS: Final = 0.1

_NO_LOG: Final = "RabbitMQ has lost its queues; they are being declared again"
_GIVEN_UP: Final = refusals.unavailable("Not accepted", "the request was given up")

_logger = logging.getLogger(__name__)

Outcome = Problem | None
"""Why an event was refused; None of an accepted one."""


@dataclass(slots=True)
class _Candidate:
    """An event on its way to being accepted."""

    event: Event
    key: bytes
    due_at: datetime | None
    decided: "asyncio.Future[Outcome]"


class Emission:
    """Takes events."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        accepted: Accepted,
        schedule: Schedule,
        schemas: Schemas,
        interests: Interests,
        seen: Seen,
        rates: Rates,
        metrics: ApiMetrics,
        tracer: Tracer,
    ) -> None:
        self._publisher = publisher
        self._accepted = accepted
        self._schedule = schedule
        self._schemas = schemas
        self._interests = interests
        self._seen = seen
        self._rates = rates
        self._metrics = metrics
        self._spans = EventSpans(tracer)
        self._deciding: dict[bytes, asyncio.Future[Outcome]] = {}

    async def emit(
        self,
        sender: Sender,
        events: Sequence[Event],
        after_seconds: float = 0.0,
        *,
        ordered: bool = False,
    ) -> Sequence[Outcome]:
        """Take events of one sender, all together; each one's outcome stands in its place.

        A repeated event is answered like the first one, which may still be on its way: in this very call,
        another one, or another process.

        Args:
            after_seconds: how much later they are due than now, at least.
            ordered: whether an event is held back (status 424) once one before it of the same subject is not
                accepted: a sender that sends both again in order then has them accepted in order.
        """
        outcomes: list[Outcome | asyncio.Future[Outcome]] = []
        candidates: list[_Candidate] = []
        stopped = _Stopped(ordered)
        now = datetime.now(UTC)
        for event in events:
            try:
                due_at = self._require(sender, event, now, after_seconds, stopped)
            except Problem as problem:
                stopped.add(event)
                outcomes.append(problem)
                continue
            key = key_of(sender.name, event)
            decided = self._deciding.get(key)
            if decided is None:
                decided = self._deciding[key] = asyncio.get_running_loop().create_future()
                candidates.append(_Candidate(event, key, due_at, decided))
            elif all(decided is not one.decided for one in candidates):
                stopped.add(event)  # another request is about to have it accepted, or not
            outcomes.append(decided)
        if candidates:
            await self._decide(sender, candidates, ordered)
        return [await one if isinstance(one, asyncio.Future) else one for one in outcomes]

    def is_available(self) -> bool:
        """Whether RabbitMQ takes events at all."""
        try:
            self._publisher.check()
        except ConnectionError:
            return False
        return True

    async def publish_due(self, due: Sequence[Scheduled]) -> list[int]:
        """Publish scheduled events whose time has come; ids of those RabbitMQ confirmed."""
        events = [one.event for one in due]
        # Long after its request an event's trace is a new one, with a link to where it came from.
        spans = [self._spans.start("publish", one.event, None, tracing.parent_of(one.trace)) for one in due]
        answers = await self._publish(events, spans)
        return [one.id for one, answer in zip(due, answers, strict=True) if answer is None]

    def _require(
        self, sender: Sender, event: Event, now: datetime, after_seconds: float, stopped: "_Stopped"
    ) -> datetime | None:
        """When an event is due (None: now); raises Problem unless it may be taken."""
        refusal = self._refusal(sender, event) if event not in stopped else refusals.held_back()
        if refusal is not None:
            raise refusal
        return _due_at(event, now, after_seconds)

    def _refusal(self, sender: Sender, event: Event) -> Outcome:
        if not sender.may_emit(event.type):
            detail = f"{sender.name} may not emit {event.type}"
            errors = [{"pointer": "#/type", "detail": detail}]
            return Problem(403, "Not this sender's type", detail=detail, errors=errors)
        if not sender.may_use_source(event.source):
            detail = f"{sender.name} emits as /{sender.name}"
            errors = [{"pointer": "#/source", "detail": detail}]
            return Problem(403, "Not this sender's source", detail=detail, errors=errors)
        if sender.rate_per_second is not None:
            wait = self._rates.take(sender.name, sender.rate_per_second)
            if wait:
                return refusals.too_fast(sender.rate_per_second, wait)
        schema = self._schemas.get(event.type)
        return None if schema is None else schema.check(event)

    async def _decide(self, sender: Sender, candidates: Sequence[_Candidate], ordered: bool) -> None:
        """Bring about and tell every candidate's outcome, whatever happens."""
        try:
            await self._claim(sender, candidates, ordered)
        except AWAY as error:
            _logger.warning("events not accepted", extra={"reason": repr(error)})
            _settle(candidates, refusals.store_unavailable())
        finally:
            _settle(candidates, _GIVEN_UP)
            for candidate in candidates:
                del self._deciding[candidate.key]

    async def _claim(self, sender: Sender, candidates: Sequence[_Candidate], ordered: bool) -> None:
        if self._publisher.blocked.is_set():
            now = [one for one in candidates if one.due_at is None]
            _settle(now, refusals.not_published(Blocked("a memory or disk alarm")))
            candidates = [one for one in candidates if one.due_at is not None]
        deadline = time.monotonic() + _ELSEWHERE_SECONDS
        while candidates:
            standings = await self._accepted.claim([one.key for one in candidates])
            mine: list[_Candidate] = []
            elsewhere: list[_Candidate] = []
            behind: list[_Candidate] = []
            stopped = _Stopped(ordered)
            for candidate, standing in zip(candidates, standings, strict=True):
                if standing is Standing.MINE:
                    (behind if candidate.event in stopped else mine).append(candidate)
                elif standing is Standing.ACCEPTED:
                    self._metrics.repeated.inc()
                    candidate.decided.set_result(None)
                else:
                    stopped.add(candidate.event)
                    elsewhere.append(candidate)
            if behind:
                await self._note(behind, [refusals.held_back()] * len(behind))
                _settle(behind, refusals.held_back())
            if mine:
                await self._take(sender, mine, ordered)
            candidates = elsewhere
            if elsewhere and time.monotonic() > deadline:
                detail = "the same event is being accepted by another request"
                _settle(elsewhere, refusals.unavailable("Not decided yet", detail))
                return
            if elsewhere:
                await asyncio.sleep(_ELSEWHERE_PAUSE_SECONDS)

    async def _take(self, sender: Sender, mine: Sequence[_Candidate], ordered: bool) -> None:
        """Publish or schedule what is claimed, and note what became of it before it is answered."""
        try:
            outcomes = await self._carry_out(sender, mine)
            if ordered:
                # One channel takes messages in order. Should RabbitMQ confirm one all the same that is
                # behind an unconfirmed one, it is published again behind that one.
                outcomes = _held_back(mine, outcomes)
        except BaseException:
            await self._note(mine, [_GIVEN_UP] * len(mine))
            raise
        await self._note(mine, outcomes)
        for candidate, outcome in zip(mine, outcomes, strict=True):
            candidate.decided.set_result(outcome)

    async def _carry_out(self, sender: Sender, mine: Sequence[_Candidate]) -> list[Outcome]:
        if all(one.due_at is None for one in mine):
            events = [one.event for one in mine]
            return await self._publish(events, [self._span(event) for event in events])
        outcomes: list[Outcome] = []
        for one in mine:
            if one.due_at is not None:
                outcomes.append(await self._keep(sender, one.event, one.due_at))
            else:
                outcomes += await self._publish([one.event], [self._span(one.event)])
        return outcomes

    async def _note(self, mine: Sequence[_Candidate], outcomes: Sequence[Outcome]) -> None:
        accepted = [one.key for one, outcome in zip(mine, outcomes, strict=True) if outcome is None]
        refused = [one.key for one, outcome in zip(mine, outcomes, strict=True) if outcome is not None]
        try:
            if accepted:
                await self._accepted.accept(accepted)
            if refused:
                await self._accepted.release(refused)
        except AWAY as error:
            # RabbitMQ has the accepted ones: to refuse them would only have them sent twice. The claims stand
            # for a while yet.
            _logger.warning("not noted as accepted", extra={"count": len(accepted), "reason": repr(error)})

    async def _publish(self, events: Sequence[Event], spans: Sequence[Span]) -> list[Outcome]:
        """Publish events to their subscribers, awaiting all confirms together."""
        now = time.time()
        outgoing = [
            _outgoing(event, tracing.headers_of(span), now) for event, span in zip(events, spans, strict=True)
        ]
        answers = await self._publisher.publish_all(outgoing)
        return [
            self._account(event, span, answer)
            for event, span, answer in zip(events, spans, answers, strict=True)
        ]

    async def _keep(self, sender: Sender, event: Event, due_at: datetime) -> Outcome:
        with trace.use_span(self._span(event, "schedule"), end_on_exit=True) as span:
            try:
                kept = await self._schedule.add(event, due_at, sender.name, tracing.headers_of(span))
            except psycopg.Error as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise
            if not kept:
                detail = f"{MAX_SCHEDULED} events are scheduled already"
                return Problem(429, "Too many scheduled", detail=detail, headers={"Retry-After": "60"})
            self._metrics.scheduled.labels(event.type).inc()
            tell(State.SCHEDULED, event, due_at=due_at.isoformat())
            return None

    def _span(self, event: Event, operation: str = "publish") -> Span:
        """The span of one event: in the event's own trace, linked to the request that brought it; in the
        request's where it has none."""
        request = trace.get_current_span().get_span_context()
        own = tracing.parent_of(event.attributes)
        return self._spans.start(operation, event, own or request, None if own is None else request)

    def _account(self, event: Event, span: Span, answer: bool | NotPublished) -> Outcome:
        # Not use_span, whose generator takes as long as everything else that is done with the span.
        token = context.attach(trace.set_span_in_context(span))
        try:
            if isinstance(answer, NotPublished):
                span.set_status(StatusCode.ERROR, str(answer))
                return refusals.not_published(answer)
            if not answer:
                # The event log takes every event, whether or not anything subscribes to it.
                span.set_status(StatusCode.ERROR, _NO_LOG)
                return refusals.unavailable("RabbitMQ unavailable", _NO_LOG)
            self._tell(event)
            return None
        finally:
            context.detach(token)
            span.end()

    def _tell(self, event: Event) -> None:
        """Count an accepted event, and say who gets it."""
        interested = self._interests.of(event.type)
        self._metrics.accepted.labels(event.type).inc()
        if not interested:
            self._metrics.unrouted.labels(event.type).inc()
        self._seen.emitted(event)
        tell(State.ACCEPTED, event, routed=bool(interested))
        for subscription in interested:
            tell(State.QUEUED, event, subscription)


class _Stopped:
    """The subjects of an ordered call of which an event was not accepted; none of any other call."""

    def __init__(self, ordered: bool) -> None:
        self._ordered = ordered
        self._subjects: set[str | None] = set()

    def add(self, event: Event) -> None:
        if self._ordered:
            self._subjects.add(event.subject)

    def __contains__(self, event: Event) -> bool:
        return bool(self._subjects) and event.subject in self._subjects


def _held_back(candidates: Sequence[_Candidate], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, but for events behind one of their subject that was not accepted."""
    stopped, held = _Stopped(ordered=True), list[Outcome]()
    for candidate, outcome in zip(candidates, outcomes, strict=True):
        if outcome is not None:
            stopped.add(candidate.event)
        held.append(refusals.held_back() if outcome is None and candidate.event in stopped else outcome)
    return held


def _settle(candidates: Sequence[_Candidate], outcome: Outcome) -> None:
    """Give an outcome to those that have none yet."""
    for candidate in candidates:
        if not candidate.decided.done():
            candidate.decided.set_result(outcome)


def _due_at(event: Event, now: datetime, after_seconds: float) -> datetime | None:
    """When a scheduled event is due, None of one that is due already; raises Problem 400."""
    text = event.attributes.get(NOT_BEFORE)
    if text is None and not after_seconds:
        return None
    due_at = now + timedelta(seconds=after_seconds)
    if text is not None:
        due_at = max(due_at, read_time(text, NOT_BEFORE))
    if due_at > now + MAX_AHEAD:
        detail = f"at most {MAX_AHEAD.days} days ahead"
        raise Problem(
            400, "Too far ahead", detail=detail, errors=[{"pointer": f"#/{NOT_BEFORE}", "detail": detail}]
        )
    return due_at if due_at > now else None


def _outgoing(event: Event, trace_headers: Mapping[str, str], now: float) -> Outgoing:
    message = Message(event, trace_headers, accepted_at=now)
    return Outgoing(EVENTS, event.type, message.headers(), event.content_type, event.body)
