"""`compose`: one document of several services' answers, shared between callers where the route allows it."""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import replace
from operator import attrgetter

from opentelemetry import trace

from gateway.aggregation.executor import Composed, Plan, TotalFailure
from gateway.backend.deadline import Deadline
from gateway.cache_control import Freshness, entity_tag, may_be_shared, unchanged, wanted
from gateway.caller import Caller
from gateway.context import World
from gateway.endpoints.forwarding import pass_on, unavailable
from gateway.messages import Headers, Reply, Request
from gateway.middleware.invalidation import resource, service
from observability.problem import Problem

JSON = "application/json"
_Work = asyncio.Task[tuple[Reply, bool]]


class Compose:
    """The action of a composed route.

    Parameters:
        coalesce: whether identical requests under way at the same time share one answer.
        cache: whether answers are kept as long as every service's Cache-Control says.
        identified: whether services are told who asks, so that the answer depends on the caller's token.
    """

    def __init__(
        self, route: str, plan: Plan, world: World, *, coalesce: bool, cache: bool, identified: bool
    ) -> None:
        self.plan = plan
        self._route = route
        self._world = world
        self._coalesce = coalesce
        self._cache = cache
        self._passed = sorted({name for part in plan.parts for name in part.headers})
        self._vary = _vary(self._passed)
        self._vary_where_kept = _vary([*self._passed, "Authorization"] if identified else self._passed)
        self._services = [service(name) for name in sorted({part.service for part in plan.parts})]
        self._under_way: dict[Hashable, _Shared] = {}
        world.metrics.add_composed_route(route)

    async def answer(self, request: Request) -> Reply:
        """The document, from memory or from the services; 304 where the caller has it already.

        Raises:
            Problem: a service that the document cannot do without gave no answer.
        """
        try:
            reply = await self._reply(request)
        except TotalFailure as failure:
            raise unavailable(failure.cause) from failure
        known = request.headers.get("If-None-Match")
        if known is None or reply.status != 200 or request.method not in ("GET", "HEAD"):
            return reply
        tag = next(value for name, value in reply.headers if name == "ETag")
        if unchanged(known, tag):
            self._world.metrics.shared(self._route, "not_modified")
            kept = [(name, value) for name, value in reply.headers if name != "Content-Type"]
            return Reply(304, kept)
        return reply

    async def _reply(self, request: Request) -> Reply:
        if not (self._cache or self._coalesce) or request.method not in ("GET", "HEAD"):
            return (await self._compose(request))[0]
        want = wanted(request.headers)
        if not want.kept:
            return (await self._compose(request))[0]
        key = self._key(request)
        if self._cache and (found := self._world.cache.get(key)):
            (reply, seconds, version), age = found
            if age >= seconds or version != self._world.invalidations.version(resource(request.path)):
                self._world.cache.drop(key)
            elif want.max_age is None or age <= want.max_age:
                return self._from_memory(reply, int(age))
        if not self._coalesce or want.max_age == 0:
            return (await self._compose_and_keep(key, request))[0]
        return await self._join(key, request)

    async def _join(self, key: Hashable, request: Request) -> Reply:
        """Share the answer that others wait for, if no write was in between and the answer may be shared.

        Where the deadline that it was begun with ended it, a request with more time begins it again.

        Raises:
            TotalFailure: there is no document.
            Problem: 504, there was none in time.
        """
        deadline = request.deadline
        # A read after a write to one of its services joins no read from before.
        writes = self._world.invalidations.version(resource(request.path), *self._services)
        since = (key, writes)
        while True:
            shared = self._under_way.get(since)
            joins = shared is not None
            shared = shared or self._begin(since, key, request, deadline)
            if joins:
                self._world.metrics.shared(self._route, "coalesced")
                trace.get_current_span().add_event("gateway.coalesced")
            try:
                reply, may_be_others = await self._wait(since, shared, request)
                if may_be_others or not joins:
                    return reply
                return (await self._compose_and_keep(key, request))[0]
            except TotalFailure as failure:
                if not failure.cause.cut or request.deadline.at <= shared.deadline.at:
                    raise
            deadline = shared.latest  # so that it is begun again once, and not for each of those that wait

    def _begin(self, since: Hashable, key: Hashable, request: Request, deadline: Deadline) -> "_Shared":
        """Begin work with that deadline, for this request and those like it."""
        work = asyncio.create_task(self._compose_and_keep(key, replace(request, deadline=deadline)))
        shared = self._under_way[since] = _Shared(work, deadline)
        work.add_done_callback(lambda _: self._forget(since, work))
        return shared

    async def _wait(self, since: Hashable, shared: "_Shared", request: Request) -> tuple[Reply, bool]:
        """What comes of work, and whether it may be given to other requests than the one it was begun for.

        The work ends when no request waits for it any more.
        """
        shared.waiting += 1
        shared.latest = max(shared.latest, request.deadline, key=attrgetter("at"))
        try:
            async with asyncio.timeout(request.deadline.remaining()):
                return await asyncio.shield(shared.work)
        except TimeoutError as error:
            raise Problem(504, detail="The answer was not there in time.") from error
        finally:
            shared.waiting -= 1
            if not shared.waiting and not shared.work.done():
                self._forget(since, shared.work)
                shared.work.cancel()

    def _forget(self, since: Hashable, work: _Work) -> None:
        shared = self._under_way.get(since)
        if shared is not None and shared.work is work:
            del self._under_way[since]

    async def _compose_and_keep(self, key: Hashable, request: Request) -> tuple[Reply, bool]:
        """An answer, and whether it may be given to other requests of the same time."""
        version = self._world.invalidations.version(resource(request.path))
        reply, composed, shared = await self._compose(request)
        if composed is None or not composed.fresh.lasts:
            return reply, shared
        seconds, age = composed.fresh.shared, composed.age
        # What was read before a write, or during it, is not kept: it may show the state before it.
        if age < seconds and version == self._world.invalidations.version(resource(request.path)):
            self._world.cache.put(key, (reply, seconds, version), len(composed.body), age)
        return _aged(reply, int(age)) if age >= 1 else reply, shared

    async def _compose(self, request: Request) -> tuple[Reply, Composed | None, bool]:
        try:
            composed = await self.plan.run(request)
        except TotalFailure as failure:
            answer = failure.cause.answer
            if answer is None:
                raise
            passed = pass_on(answer)
            passed.headers += self._vary_where_kept if "Cache-Control" in answer.headers else self._vary
            return passed, None, may_be_shared(answer.headers)
        headers = [("Content-Type", JSON), ("X-Complete", "true" if composed.complete else "false")]
        headers.append(("ETag", entity_tag(composed.body)))
        if composed.fresh.lasts:
            headers.append(("Cache-Control", _cache_control(composed.fresh, request.caller)))
            headers += self._vary_where_kept
        else:
            headers += self._vary
        self._world.metrics.composed(self._route, complete=composed.complete)
        return Reply(200, headers, composed.body), composed, composed.shared

    def _from_memory(self, reply: Reply, age: int) -> Reply:
        self._world.metrics.shared(self._route, "cached")
        trace.get_current_span().add_event("gateway.cached", {"gateway.age_seconds": age})
        return _aged(reply, age)

    def _key(self, request: Request) -> Hashable:
        """What the answer depends on: another key, another answer. A file that is read anew has new plans."""
        caller = request.caller
        who = (caller.subject, caller.scopes) if caller is not None else None
        passed = tuple(request.headers.get(name) for name in self._passed)
        return self.plan, tuple(sorted(request.parameters.items())), request.path, who, passed


def _aged(reply: Reply, age: int) -> Reply:
    """An answer that is so many seconds old."""
    return Reply(reply.status, [*reply.headers, ("Age", str(age))], reply.body)


def _vary(names: Sequence[str]) -> Headers:
    return [("Vary", ", ".join(names))] if names else []


def _cache_control(fresh: Freshness, caller: Caller | None) -> str:
    """What caches on the way to the caller are told: what is one caller's own is for nobody else."""
    lifetime = f"max-age={fresh.private}"
    if caller is None or caller.subject is None:
        return lifetime
    return f"public, {lifetime}" if fresh.public else f"private, {lifetime}"


class _Shared:
    """Work that several requests wait for.

    Parameters:
        deadline: that it was begun with.

    Attributes:
        latest: the last deadline of those that wait.
    """

    __slots__ = ("deadline", "latest", "waiting", "work")

    def __init__(self, work: _Work, deadline: Deadline) -> None:
        self.work = work
        self.deadline = self.latest = deadline
        self.waiting = 0
