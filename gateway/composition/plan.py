"""The plan of a composed document: its parts, made once, run for every request."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from gateway.composition import document
from gateway.composition.part import NULL, Fallback, Good, Part, PartFailed, failed
from gateway.composition.reference import Unresolved
from gateway.door.headers import REQUEST_ID_HEADER
from gateway.request import Request
from gateway.upstream import Call, UpstreamError
from gateway.world import World

_ABSENT: Final = Good(NULL, None, 0)


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed document.

    Attributes:
        fresh_seconds: for how long it may be kept: as each of its parts may, and not at all if one failed.
    """

    body: bytes
    complete: bool
    fresh_seconds: int


@dataclass(slots=True)
class _Outcome:
    """What became of a part: None where its condition did not hold."""

    good: Good | None
    error: dict[str, Any] | None = None


class TotalFailure(Exception):
    """No document: `cause` failed, and the answer is nothing without it."""

    def __init__(self, cause: PartFailed) -> None:
        super().__init__(cause.cause)
        self.cause = cause


class Plan:
    """Runs parts concurrently as far as what they need of each other allows.

    Parameters:
        route: the route's id, for metrics.
        parts: in the order in which they stand in the document.
    """

    def __init__(self, route: str, parts: Sequence[Part], world: World) -> None:
        self.parts = tuple(parts)
        self._route = route
        self._world = world
        self._names = [document.encode(part.name) + b":" for part in parts]
        self._flattens = any(part.flatten for part in parts)
        self._spans = {part.name: f"part {part.name}" for part in parts}
        self._attributes = {
            part.name: {"gateway.route": route, "gateway.part": part.name, "peer.service": part.service}
            for part in parts
        }

    async def run(self, request: Request) -> Composed:
        """Compose the document.

        Raises:
            TotalFailure: a part that cannot be done without failed, or every part did.
        """
        run = _Run(self, request)
        tasks = run.tasks
        for part in self.parts:
            tasks[part.name] = asyncio.create_task(self._part(part, run))
        try:
            outcomes = await asyncio.gather(*tasks.values())
        except BaseException:
            for task in tasks.values():
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait(tasks.values())
            raise
        return self._merge(outcomes, run)

    async def _part(self, part: Part, run: "_Run") -> _Outcome:
        for name in part.needs:
            await run.tasks[name]
        if part.condition is not None and not part.condition.holds(run.scope):
            return _Outcome(None)
        span = self._world.tracer.start_span(
            self._spans[part.name], kind=SpanKind.INTERNAL, attributes=self._attributes[part.name]
        )
        # The task is the part's own: its context ends with it, so nothing has to be detached.
        context.attach(trace.set_span_in_context(span))
        try:
            return await self._outcome(part, run, span)
        finally:
            span.end()

    async def _outcome(self, part: Part, run: "_Run", span: Span) -> _Outcome:
        call: Call | None = None
        try:
            call = part.call(run.request, run.scope)
            good = part.result(await self._world.upstreams.call(call, part.policy, run.request.deadline))
        except Unresolved as error:
            if run.is_null(part.needs, error.absent):
                return run.settle(part, _Outcome(_ABSENT))
            cause = PartFailed(502, f"{part.service}: not called, there is no {error.absent}")
        except UpstreamError as error:
            cause = failed(error)
        except PartFailed as error:
            cause = error
        else:
            if part.on_failure == "stale":
                self._world.last_good.put(_key(call), good, len(good.body) * 2)
            return run.settle(part, _Outcome(good))
        return run.settle(part, self._instead(part, call, cause, span))

    def _instead(self, part: Part, call: Call | None, cause: PartFailed, span: Span) -> _Outcome:
        """What stands for a part that failed.

        Raises:
            TotalFailure: nothing does.
        """
        chosen = part.on_failure
        policy = "fallback" if isinstance(chosen, Fallback) else chosen
        span.set_status(Status(StatusCode.ERROR, cause.cause))
        span.add_event("gateway.part_failed", {"gateway.policy": policy, "gateway.cause": cause.cause})
        self._world.metrics.part_failed(self._route, part.name, policy)
        if chosen == "fail":
            raise TotalFailure(cause)
        error = {"part": part.name, "status": cause.status, "cause": cause.cause}
        if isinstance(chosen, Fallback):
            return _Outcome(Good(chosen.body, chosen.value, 0), error)
        kept = self._last_good(call) if chosen == "stale" else None
        if kept is None:
            return _Outcome(Good(NULL, None, 0), error)
        good, age = kept
        return _Outcome(Good(good.body, good.value, 0), error | {"age_seconds": int(age)})

    def _last_good(self, call: Call | None) -> tuple[Good, float] | None:
        return None if call is None else self._world.last_good.get(_key(call))

    def _merge(self, outcomes: Sequence[_Outcome], run: "_Run") -> Composed:
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors and not any(_says_something(outcome) for outcome in outcomes):
            worst = max(errors, key=lambda error: int(error["status"]))
            raise TotalFailure(PartFailed(worst["status"], worst["cause"]))
        fresh = min([0 if o.error else o.good.fresh_seconds for o in outcomes if o.good], default=0)
        if self._flattens:
            return Composed(self._flat(outcomes, errors), not errors, fresh)
        pieces = [
            name + outcome.good.body
            for name, outcome in zip(self._names, outcomes, strict=True)
            if outcome.good is not None
        ]
        if errors:
            pieces.append(b'"errors":' + document.encode(errors))
        return Composed(b"{" + b",".join(pieces) + b"}", not errors, fresh)

    def _flat(self, outcomes: Sequence[_Outcome], errors: list[dict[str, Any]]) -> bytes:
        """The document where some parts stand without their names; what has a name keeps it."""
        named: dict[str, Any] = {"errors": document.encode(errors)} if errors else {}
        pairs = list(zip(self.parts, outcomes, strict=True))
        named |= {part.name: out.good.body for part, out in pairs if out.good and not part.flatten}
        merged: dict[str, Any] = {}
        for part, outcome in pairs:
            if outcome.good is None:
                continue
            if not part.flatten:
                merged[part.name] = outcome.good.body
            elif outcome.good.body != NULL:
                found = document.members(outcome.good.body)
                taken = merged.keys() | named.keys()
                merged |= {name: raw for name, raw in found.items() if name not in taken}
        return document.join(list((merged | named).items()))


class _Run:
    """One request's run of a plan: the values so far, and the tasks that bring the others."""

    __slots__ = ("request", "scope", "tasks")

    def __init__(self, plan: Plan, request: Request) -> None:
        self.request = request
        self.tasks: dict[str, asyncio.Task[_Outcome]] = {}
        self.scope: dict[str, Any] = scope_of(request)

    def settle(self, part: Part, outcome: _Outcome) -> _Outcome:
        if outcome.good is not None:
            self.scope[part.name] = outcome.good.value
        return outcome

    def is_null(self, needs: Sequence[str], absent: str) -> bool:
        """Whether what is absent was to come from a part that is rightly null: then so is what needs it."""
        root = absent.partition(".")[0]
        if root not in needs:
            return False
        outcome = self.tasks[root].result()
        return outcome.error is None and (outcome.good is None or outcome.good.value is None)


def scope_of(request: Request) -> dict[str, Any]:
    """What references may lead to before any part is there."""
    return {
        "path": request.parameters,
        "query": request.parameters,
        "caller": {"subject": getattr(request.caller, "subject", None)},
        "body": request.document,
    }


def _says_something(outcome: _Outcome) -> bool:
    """Whether a part says more than that it failed."""
    if outcome.good is None:
        return False
    return outcome.error is None or outcome.good.body != NULL


def _key(call: Call) -> tuple[Any, ...]:
    """What the answer to a call depends on: all but the request's id."""
    sent = tuple(each for each in call.headers if each[0] != REQUEST_ID_HEADER)
    return call.service, call.method, call.target, sent


def needs_of(parts: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The parts of a cycle in what parts need of each other; None where there is none."""
    state: dict[str, bool] = {}
    path: list[str] = []

    def visit(name: str) -> list[str] | None:
        if name in state:
            return None if state[name] else [*path[path.index(name) :], name]
        state[name] = False
        path.append(name)
        for need in parts.get(name, ()):
            if found := visit(need):
                return found
        path.pop()
        state[name] = True
        return None

    for name in parts:
        if found := visit(name):
            return found
    return None
