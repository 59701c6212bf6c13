"""The run of a document's parts for one request."""

import asyncio
from contextlib import suppress
from typing import Any, cast

from opentelemetry import context as trace_contexts
from opentelemetry import trace

from gateway.aggregation.expressions import Unresolved
from gateway.aggregation.last_good import LastGoodParts
from gateway.aggregation.outcome import Outcome, instead_of_failed
from gateway.aggregation.part import Fallback, Good, Part, PartFailed, failed
from gateway.aggregation.plan import Plan
from gateway.aggregation.running_part import RunningPart
from gateway.aggregation.scope import scope_of
from gateway.aggregation.unresolved import without_value
from gateway.baggage import carried
from gateway.cache_control import may_be_shared
from gateway.invalidations import resource
from gateway.messages import Request
from gateway.service_client import Answer, Attempt, Call, ServiceError
from observability.http.client.request import lines
from observability.span_error import set_error
from observability.tracer import MinimalSpan, ParentContext


class Run:
    """One request's document while its parts are called.

    Parts are called by callbacks, as soon as they have the values they need: a task for each would cost more
    than the call. A part whose call has to wait, or failed, gets a task.
    """

    __slots__ = (
        "_baggage",
        "_deadline",
        "_identity",
        "_last_good",
        "_onward",
        "_parent",
        "_plan",
        "_request",
        "_running",
        "_service_client",
        "_trace_context",
        "_waiting",
        "first_answer",
        "outcomes",
        "over",
        "scope",
        "shared",
    )

    def __init__(self, plan: Plan, request: Request) -> None:
        self._plan = plan
        context = plan.context
        self._service_client = context.service_client
        self._request = request
        # A part that the request's own deadline cut off would take the whole document with it.
        self._deadline = request.deadline.before()
        self._trace_context = trace_contexts.get_current()
        self._parent = ParentContext(trace.get_current_span(self._trace_context).get_span_context())
        self._baggage = lines(carried(self._trace_context))
        self._identity = request.caller.identity
        self._onward = self._baggage + lines(self._identity)
        self._waiting = plan.later
        self._running: set[RunningPart] = set()
        self._last_good: LastGoodParts | None = None
        if plan.keeps:
            version = context.invalidations.version(resource(request.path))
            self._last_good = LastGoodParts(context.last_good, plan, version)
        self.shared = True
        """Whether every answer so far may be given to other requests of the same time."""
        self.first_answer: float | None = None
        """When the first answer came, by the plan's clock; only of documents that may be kept."""
        self.outcomes: dict[str, Outcome] = {}
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when every part has its outcome, or the document cannot be."""
        self.scope: dict[str, Any] = scope_of(request)

    def start(self) -> None:
        """Call the parts that need no values of others."""
        for part in self._plan.first:
            self._start(part)

    async def abandon(self) -> None:
        """Cancel the calls in flight."""
        tasks = [running.task for running in self._running if running.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            with suppress(asyncio.CancelledError):
                await asyncio.wait(tasks)
        for running in self._running:
            if running.attempt is not None:
                running.attempt.abandon()
            running.span.end()

    def _start(self, part: Part) -> None:
        if self.over.done():
            return
        if part.condition is not None and not part.condition.holds(self.scope):
            self._settle(part, Outcome(None))
            return
        running = RunningPart(
            self._attempt_ended, part, self._plan.spans[part.name].start_minimal(self._parent)
        )
        self._running.add(running)
        try:
            running.call = part.call(self._request, self.scope)
            self._begin(running, running.call)
        except Unresolved as error:
            self._take(running, without_value(part, error, self.outcomes))
        except Exception as error:  # the request fails with it, not the callback that led here
            self._fail(error)

    def _begin(self, running: RunningPart, call: Call) -> None:
        running.attempt = self._service_client.begin(
            call,
            running.part.policy,
            self._deadline,
            running.span,
            self._onward if call.headers is self._identity else self._baggage + lines(call.headers),
            running,
        )
        if running.attempt is None:
            running.task = asyncio.create_task(self._call(running, call))

    def _attempt_ended(self, running: RunningPart) -> None:
        """The first attempt at a part's call has ended."""
        if self.over.done():  # a call that began now would not be ended: `abandon` may have run
            return
        answer = cast(Attempt, running.attempt).answer()
        if answer is None:
            running.task = asyncio.create_task(self._call(running, cast(Call, running.call)))
        else:
            self._take(running, answer)

    async def _call(self, running: RunningPart, call: Call) -> None:
        """Call a service, or go on with a call whose first attempt failed."""
        # The task is the part's own: its context ends with it, so nothing has to be detached.
        trace_contexts.attach(trace.set_span_in_context(running.span.recording_span, self._trace_context))
        deadline, policy = self._deadline, running.part.policy
        try:
            got: Answer | PartFailed = await self._service_client.call(
                call, policy, deadline, running.attempt
            )
        except ServiceError as error:
            got = failed(error)
        except Exception as error:
            self._fail(error)
            return
        self._take(running, got)

    def _take(self, running: RunningPart, got: "Answer | PartFailed | Good") -> None:
        """Set the outcome of a part, by its answer or failure."""
        self._running.remove(running)
        try:
            outcome = self._outcome(running, got)
        except Exception as error:  # the request fails with it, not the event loop
            self._fail(error)
        else:
            self._settle(running.part, outcome)
        finally:
            # A part whose call took one attempt has nothing to say that the attempt's span does not.
            if running.attempt is None or not running.span.leave_out(running.attempt.span):
                running.span.end()

    def _outcome(self, running: RunningPart, got: "Answer | PartFailed | Good") -> Outcome:
        part, call = running.part, running.call
        try:
            if isinstance(got, PartFailed):
                raise got
            if self._plan.coalesced and isinstance(got, Answer) and not may_be_shared(got.headers):
                self.shared = False
            if self._plan.cached and self.first_answer is None:
                self.first_answer = self._plan.clock()
            good = got if isinstance(got, Good) else part.result(got)
        except PartFailed as cause:
            return self._instead(part, call, cause, running.span)
        if part.on_failure == "stale" and call is not None and isinstance(got, Answer):
            cast(LastGoodParts, self._last_good).keep(
                part, call, good, got, is_referred=part.name in self._plan.referred
            )
        return Outcome(good)

    def _settle(self, part: Part, outcome: Outcome) -> None:
        """Keep a part's outcome, and call the parts that waited for it."""
        if self.over.done():
            return
        self.outcomes[part.name] = outcome
        if outcome.good is not None:
            self.scope[part.name] = outcome.good.value
        if self._waiting:
            ready = [part for part in self._waiting if all(need in self.outcomes for need in part.needs)]
            self._waiting = tuple(part for part in self._waiting if part not in ready)
            for each in ready:
                self._start(each)
        if len(self.outcomes) == len(self._plan.parts) and not self.over.done():
            self.over.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.over.done():
            self.over.set_exception(error)

    def _instead(
        self, part: Part, call: Call | None, cause: PartFailed, minimal_span: MinimalSpan
    ) -> Outcome:
        """The outcome of a part that failed.

        Raises:
            TotalFailure: the document cannot do without the part.
        """
        policy = "fallback" if isinstance(part.on_failure, Fallback) else part.on_failure
        span = minimal_span.recording_span
        set_error(span, str(cause.status), cause.cause)
        span.add_event("gateway.part_failed", {"gateway.policy": policy, "gateway.cause": cause.cause})
        self._plan.failed(part, policy)
        kept = None
        if policy == "stale" and call is not None and self._last_good is not None:
            kept = self._last_good.find(part, call)
        return instead_of_failed(part, cause, kept)
