"""Composing a document: an `Executor` for each route calls the parts of every request's document."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NamedTuple, cast

from opentelemetry import context as trace_contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from gateway.aggregation import json_document
from gateway.aggregation.expressions import Unresolved
from gateway.aggregation.part import NULL, Fallback, Good, LastGood, Part, PartFailed, failed
from gateway.backend import Answer, Attempt, BackendError, Call
from gateway.baggage import carried
from gateway.cache_control import NOT_FRESH, Freshness, least, may_be_shared, may_be_stale
from gateway.caller.request_id import REQUEST_ID_HEADER
from gateway.context import Context
from gateway.invalidations import resource
from gateway.messages import Request
from observability.http.client.request import lines
from observability.tracer import MinimalSpan, ParentContext, Template

_ABSENT: Final = Good(NULL, None)
#: The status where a value of the caller's cannot stand in a call, by the part of the request that it is in;
#: one from anywhere else is a service's fault. A token's subject: 403, since another token would not help.
_STATUS_OF_ABSENT: Final = {"path": 404, "query": 400, "body": 422, "caller": 403}


class Composed(NamedTuple):
    """A composed document.

    Attributes:
        fresh: for how long it may be kept: as long as each of its parts; not at all if one failed.
        age: seconds since the first part's answer came, where that matters.
        shared: whether it may be given to other requests of the same time, as all of its parts may.
    """

    body: bytes
    complete: bool
    fresh: Freshness = NOT_FRESH
    age: float = 0.0
    shared: bool = True


class _Outcome(NamedTuple):
    """The result of a part. `good` is None if the part failed, or its condition did not hold.

    Attributes:
        error: the failure as the document shows it.
        failure: the failure for the response where there is no document.
    """

    good: Good | None
    error: dict[str, Any] | None = None
    failure: PartFailed | None = None


class TotalFailure(Exception):
    """There is no document: `cause` failed, and the document cannot do without it."""

    def __init__(self, cause: PartFailed) -> None:
        super().__init__(cause.cause)
        self.cause = cause


class Executor:
    """Calls parts concurrently; one that needs values of others is called once it has them.

    Parameters:
        route: the route's id, for metrics.
        parts: in the order in which they stand in the document.
        clock: monotonic seconds.
        coalesced: whether documents are given to other requests of the same time, where every part allows it.
    """

    def __init__(
        self,
        route: str,
        parts: Sequence[Part],
        context: Context,
        clock: Callable[[], float] = time.monotonic,
        *,
        coalesced: bool = False,
    ) -> None:
        self.coalesced = coalesced
        self.keeps = any(part.on_failure == "stale" for part in parts)
        """Whether last good answers are kept, which writing the document's resource invalidates."""
        self.parts = tuple(parts)
        self.first = tuple(part for part in parts if not part.needs)
        self.later = tuple(part for part in parts if part.needs)
        self._route = route
        self._context = context
        self.referred = frozenset(need for part in parts for need in part.needs)
        """Names of the parts whose values others refer to."""
        self._names = [json_document.encode(part.name) + b":" for part in parts]
        self._flattens = any(part.flatten for part in parts)
        self.cached = any(part.cached for part in parts)
        """Whether documents may be kept, so that it matters how old they are."""
        self.clock = clock
        self.spans = {
            part.name: Template(
                context.tracer,
                f"part {part.name}",
                SpanKind.INTERNAL,
                {"gateway.route": route, "gateway.part": part.name, "peer.service": part.service},
            )
            for part in parts
        }

    async def run(self, request: Request) -> Composed:
        """Compose the document.

        Raises:
            TotalFailure: a part that cannot be done without failed, or every part did.
        """
        run = _Run(self, self._context, request)
        try:
            run.start()
            await run.over
        finally:
            await run.abandon()
        composed = self._merge([run.outcomes[part.name] for part in self.parts])
        if not run.shared:
            composed = composed._replace(shared=False)
        if run.first_answer is None:
            return composed
        return composed._replace(age=self.clock() - run.first_answer)

    def failed(self, part: Part, policy: str) -> None:
        """Count a part that failed."""
        self._context.metrics.part_failed(self._route, part.name, policy)

    def _merge(self, outcomes: Sequence[_Outcome]) -> Composed:
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors and not any(_says_something(outcome) for outcome in outcomes):
            raise TotalFailure(_worst(outcomes))
        fresh = NOT_FRESH
        if self.cached and not errors:
            fresh = least([outcome.good.fresh for outcome in outcomes if outcome.good])
        if self._flattens:
            return Composed(self._flat(outcomes, errors), not errors, fresh)
        pieces = [
            name + outcome.good.body
            for name, outcome in zip(self._names, outcomes, strict=True)
            if outcome.good is not None
        ]
        if errors:
            pieces.append(b'"errors":' + json_document.encode(errors))
        return Composed(b"{" + b",".join(pieces) + b"}", not errors, fresh)

    def _flat(self, outcomes: Sequence[_Outcome], errors: list[dict[str, Any]]) -> bytes:
        """The document where some parts stand without their names; what has a name keeps it."""
        named: dict[str, Any] = {"errors": json_document.encode(errors)} if errors else {}
        pairs = list(zip(self.parts, outcomes, strict=True))
        named |= {part.name: out.good.body for part, out in pairs if out.good and not part.flatten}
        merged: dict[str, Any] = {}
        for part, outcome in pairs:
            if outcome.good is None:
                continue
            if not part.flatten:
                merged[part.name] = outcome.good.body
            elif outcome.good.body != NULL:
                found = json_document.members(outcome.good.body)
                taken = merged.keys() | named.keys()
                merged |= {name: raw for name, raw in found.items() if name not in taken}
        return json_document.join(list((merged | named).items()))


class _Run:
    """The work of an executor for one request.

    Parts are called by callbacks, as soon as they have the values they need: a task for each would cost more
    than the call. A part whose call has to wait, or failed, gets a task.
    """

    __slots__ = (
        "_baggage",
        "_context",
        "_deadline",
        "_executor",
        "_identity",
        "_onward",
        "_parent",
        "_request",
        "_running",
        "_trace_context",
        "_version",
        "_waiting",
        "first_answer",
        "outcomes",
        "over",
        "scope",
        "shared",
    )

    def __init__(self, executor: Executor, context: Context, request: Request) -> None:
        self._executor = executor
        self._context = context
        self._request = request
        # A part that the request's own deadline cut off would take the whole document with it.
        self._deadline = request.deadline.before()
        self._trace_context = trace_contexts.get_current()
        self._parent = ParentContext(trace.get_current_span(self._trace_context).get_span_context())
        self._baggage = lines(carried(self._trace_context))
        self._identity = request.caller.identity
        self._onward = self._baggage + lines(self._identity)
        self._waiting = executor.later
        self._running: set[_RunningPart] = set()
        self._version = context.invalidations.version(resource(request.path)) if executor.keeps else ()
        self.shared = True
        """Whether every answer so far may be given to other requests of the same time."""
        self.first_answer: float | None = None
        """When the first answer came, by the executor's clock; only of documents that may be kept."""
        self.outcomes: dict[str, _Outcome] = {}
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when every part has its outcome, or the document cannot be."""
        self.scope: dict[str, Any] = scope_of(request)

    def start(self) -> None:
        """Call the parts that need no values of others."""
        for part in self._executor.first:
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
            self._settle(part, _Outcome(None))
            return
        running = _RunningPart(self, part, self._executor.spans[part.name].start_minimal(self._parent))
        self._running.add(running)
        try:
            running.call = part.call(self._request, self.scope)
            self._begin(running, running.call)
        except Unresolved as error:
            self._take(running, self._unresolved(part, error))
        except Exception as error:  # the request fails with it, not the callback that led here
            self._fail(error)

    def _begin(self, running: "_RunningPart", call: Call) -> None:
        running.attempt = self._context.backend.begin(
            call,
            running.part.policy,
            self._deadline,
            running.span,
            self._onward if call.headers is self._identity else self._baggage + lines(call.headers),
            running,
        )
        if running.attempt is None:
            running.task = asyncio.create_task(self._call(running, call))

    def attempt_ended(self, running: "_RunningPart") -> None:
        """The first attempt at a part's call has ended."""
        if self.over.done():  # a call that began now would not be ended: `abandon` may have run
            return
        answer = cast(Attempt, running.attempt).answer()
        if answer is None:
            running.task = asyncio.create_task(self._call(running, cast(Call, running.call)))
        else:
            self._take(running, answer)

    async def _call(self, running: "_RunningPart", call: Call) -> None:
        """Call a service, or go on with a call whose first attempt failed."""
        # The task is the part's own: its context ends with it, so nothing has to be detached.
        trace_contexts.attach(trace.set_span_in_context(running.span.recording_span, self._trace_context))
        deadline, policy = self._deadline, running.part.policy
        try:
            got: Answer | PartFailed = await self._context.backend.call(
                call, policy, deadline, running.attempt
            )
        except BackendError as error:
            got = failed(error)
        except Exception as error:
            self._fail(error)
            return
        self._take(running, got)

    def _take(self, running: "_RunningPart", got: "Answer | PartFailed | Good") -> None:
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

    def _outcome(self, running: "_RunningPart", got: "Answer | PartFailed | Good") -> _Outcome:
        part, call = running.part, running.call
        try:
            if isinstance(got, PartFailed):
                raise got
            if self._executor.coalesced and isinstance(got, Answer) and not may_be_shared(got.headers):
                self.shared = False
            if self._executor.cached and self.first_answer is None:
                self.first_answer = self._executor.clock()
            good = got if isinstance(got, Good) else part.result(got)
        except PartFailed as cause:
            return self._instead(part, call, cause, running.span)
        if part.on_failure == "stale" and call is not None and isinstance(got, Answer):
            self._keep(part, call, good, got)
        return _Outcome(good)

    def _settle(self, part: Part, outcome: _Outcome) -> None:
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
        if len(self.outcomes) == len(self._executor.parts) and not self.over.done():
            self.over.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.over.done():
            self.over.set_exception(error)

    def _unresolved(self, part: Part, error: Unresolved) -> Good | PartFailed:
        """Result of a part whose call refers to a missing value: null if the part referred to is null,
        otherwise that part's failure."""
        root = error.absent.partition(".")[0]
        if root in part.needs:
            outcome = self.outcomes[root]
            if outcome.error is None and (outcome.good is None or outcome.good.value is None):
                return _ABSENT
        status = _STATUS_OF_ABSENT.get(root, 502)
        return PartFailed(status, f"{part.service}: not called, there is no {error.absent}")

    def _instead(
        self, part: Part, call: Call | None, cause: PartFailed, minimal_span: MinimalSpan
    ) -> _Outcome:
        """What stands for a part that failed.

        Raises:
            TotalFailure: nothing does.
        """
        chosen = part.on_failure
        policy = "fallback" if isinstance(chosen, Fallback) else chosen
        span = minimal_span.recording_span
        span.set_status(Status(StatusCode.ERROR, cause.cause))
        span.add_event("gateway.part_failed", {"gateway.policy": policy, "gateway.cause": cause.cause})
        self._executor.failed(part, policy)
        if chosen == "fail":
            raise TotalFailure(cause)
        error = {"part": part.name, "status": cause.status, "cause": cause.cause}
        if isinstance(chosen, Fallback):
            return _Outcome(Good(chosen.body, chosen.value), error, cause)
        kept = self._last_good(part, call) if chosen == "stale" else None
        if kept is None:
            return _Outcome(Good(NULL, None), error, cause)
        last, age = kept
        return _Outcome(last.good(), error | {"age_seconds": int(age)}, cause)

    def _keep(self, part: Part, call: Call, good: Good, answer: Answer) -> None:
        """Remember a part in case that its service fails; forget it if its last answer forbids that."""
        key = self._key(part, call)
        if not may_be_stale(answer.headers):
            self._context.last_good.drop(key)
            return
        needed = part.name in self._executor.referred and good.value is not None
        last = LastGood(good.body, answer.body if needed else None, self._version)
        self._context.last_good.put(key, last, last.size)

    def _last_good(self, part: Part, call: Call | None) -> tuple[LastGood, float] | None:
        """A part's last good answer and its age, if the document's resource was not written since."""
        kept = None if call is None else self._context.last_good.get(self._key(part, call))
        return kept if kept is not None and kept[0].version == self._version else None

    def _key(self, part: Part, call: Call) -> Hashable:
        """What a part depends on: how it is made of the service's answer, which differs from route to route,
        and all that the call sends but the request's id."""
        sent = tuple(each for each in call.headers if each[0] != REQUEST_ID_HEADER)
        return self._executor, part.name, call.target, sent


class _RunningPart:
    """A part whose call is in flight."""

    __slots__ = ("_run", "attempt", "call", "part", "span", "task")

    def __init__(self, run: _Run, part: Part, span: MinimalSpan) -> None:
        self.part = part
        self.span = span
        self.call: Call | None = None
        self.attempt: Attempt | None = None
        self.task: asyncio.Task[None] | None = None
        self._run = run

    def attempt_ended(self) -> None:
        self._run.attempt_ended(self)


def scope_of(request: Request) -> dict[str, Any]:
    """What references may lead to before any part is there."""
    return {
        "path": request.parameters,
        "query": request.parameters,
        "caller": {"subject": request.caller.subject},
        "body": request.document,
    }


def _says_something(outcome: _Outcome) -> bool:
    """Whether a part says more than that it failed."""
    if outcome.good is None:
        return False
    return outcome.error is None or outcome.good.body != NULL


def _worst(outcomes: Sequence[_Outcome]) -> PartFailed:
    """The failure that stands for all of them: the first of the highest status."""
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    worst = max(failures, key=lambda failure: failure.status)
    cut = any(failure.cut for failure in failures)
    return PartFailed(worst.status, worst.cause, retry_after=worst.retry_after, cut=cut)


def needs_of(parts: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The parts of a cycle in what parts need of each other; None where there is none."""
    try:
        TopologicalSorter(parts).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None
