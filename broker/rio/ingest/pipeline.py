"""The way of every event into Rio, one step a module of this package:

1. receive: a request to emit comes (`request_task.py`), and its telemetry begins (`request_record.py`).
2. authorise: its token says who sends (`authorization.py`).
3. parse: its body becomes events (`request_parser.py`).
4. check: `checks` lists what each event has to pass, such as its sender's rate (`rate_limit.py`).
5. deduplicate: an event that was accepted before is not acted on again (`deduplication.py`).
6. publish it now (`publication.py`), or keep it until it is due (`scheduling.py`).
7. respond: 202 for what is accepted, a problem for what is refused (`responses.py`).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from tornado.httputil import HTTPHeaders

from broker.rio import refusals
from broker.rio.ingest.authorization import Authorization, check_source, check_type
from broker.rio.ingest.deduplication import Candidate, Deduplication
from broker.rio.ingest.messages import Outcome, Request, Response, Submission
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.publication import Publication
from broker.rio.ingest.rate_limit import RateLimit
from broker.rio.ingest.request_parser import parse
from broker.rio.ingest.request_record import RequestRecorder
from broker.rio.ingest.request_task import RequestTask
from broker.rio.ingest.responses import problem_response, response_to
from broker.rio.ingest.scheduling import Scheduling, due_time
from broker.rio.ingest.schema_validation import SchemaValidation
from broker.rio.ingest.subject_order import SubjectOrder
from broker.rio.model.event import Event
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Sender
from observability import Telemetry
from observability.http.error_answers import problem_of
from observability.http.problem import Problem
from observability.http.server import ResponseWriter

Check = Callable[[Sender, Event], Outcome]


def checks(schemas: Schemas) -> list[Check]:
    """The checks that every event has to pass, in their order."""
    return [check_type, check_source, RateLimit().check, SchemaValidation(schemas).check]


class Pipeline:
    """Accepts the events of requests.

    Parameters:
        is_ready: whether every declared subscription has its queue; an event accepted before would miss some.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        authorization: Authorization,
        checks: Sequence[Check],
        deduplication: Deduplication,
        publication: Publication,
        scheduling: Scheduling,
        observer: IngestObserver,
        is_ready: Callable[[], bool],
    ) -> None:
        self._authorization = authorization
        self._checks = checks
        self._deduplication = deduplication
        self._publication = publication
        self._scheduling = scheduling
        self._observer = observer
        self._is_ready = is_ready
        self._recorder = RequestRecorder(telemetry)
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(
        self, writer: ResponseWriter, method: str, target: str, headers: HTTPHeaders, peer: str
    ) -> RequestTask:
        """Begin with a POST to an address that takes events: see `observability.http.server.Receive`."""
        path, _, query = target.partition("?")
        request = Request(path, query, headers)
        return RequestTask(self.respond, writer, request, self._recorder.begin(request, peer), self._tasks)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until no request is in flight, or the time is over.

        Requests that come meanwhile over connections that are kept are waited for, too.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def respond(self, request: Request) -> Response:
        """The response to a request, once the outcome of each event is durable; a refusal is one, too."""
        try:
            sender = self._authorization.sender_of(request.headers)
            body = await request.whole_body()
            if not self._is_ready():
                raise refusals.unavailable("Rio is starting", "The declared subscriptions are not there yet")
            submission = parse(request, body, sender)
        except Problem as problem:
            self._observer.refused(problem)
            return problem_response(problem)
        outcomes = await self._accept(submission)
        for outcome in outcomes:
            if outcome is not None:
                self._observer.refused(outcome)
        return response_to(submission, outcomes)

    async def _accept(self, submission: Submission) -> Sequence[Outcome]:
        """The outcome of each event, in its place."""
        outcomes: list[Outcome | asyncio.Future[Outcome]] = []
        candidates: list[Candidate] = []
        order = SubjectOrder(submission.is_ordered)
        now = datetime.now(UTC)
        for event in submission.events:
            if isinstance(event, Problem):
                order.stop_all()
                outcomes.append(event)
                continue
            try:
                due_at = self._check(submission, event, order, now)
            except Exception as error:
                order.stop(event)
                outcomes.append(problem_of(error))
                continue
            candidate, is_new = self._deduplication.enter(submission.sender, event, due_at)
            if is_new:
                candidates.append(candidate)
            elif candidate not in candidates:
                order.stop(event)  # another request has it in hand, and may still refuse it
            outcomes.append(candidate.outcome)
        if candidates:
            act = partial(self._publish_or_schedule, submission.sender)
            await self._deduplication.decide(candidates, act, is_ordered=submission.is_ordered)
        return [await one if isinstance(one, asyncio.Future) else one for one in outcomes]

    def _check(
        self, submission: Submission, event: Event, order: SubjectOrder, now: datetime
    ) -> datetime | None:
        """When an event is due; None: now.

        Raises:
            Problem: the event is refused.
        """
        if order.holds_back(event):
            raise refusals.held_back()
        for check in self._checks:
            if (problem := check(submission.sender, event)) is not None:
                raise problem
        due_at = due_time(event, now, submission.after_seconds)
        if due_at is None and (problem := self._publication.check()) is not None:
            raise problem
        return due_at

    async def _publish_or_schedule(self, sender: Sender, claimed: Sequence[Candidate]) -> Sequence[Outcome]:
        """Act on events that were not accepted before, in their order."""
        if all(one.due_at is None for one in claimed):
            return await self._publication.publish([one.event for one in claimed])
        outcomes: list[Outcome] = []
        for one in claimed:
            if one.due_at is not None:
                outcomes.append(await self._scheduling.keep(sender, one.event, one.due_at))
            else:
                outcomes += await self._publication.publish([one.event])
        return outcomes
