"""Identical requests of the same time share one response: a thousand callers are one call of each service."""

import asyncio
from collections.abc import Hashable
from dataclasses import replace
from operator import attrgetter

from opentelemetry import trace

from gateway.cache_control import wanted
from gateway.cache_key import cache_key
from gateway.config.route import Route
from gateway.invalidations import Invalidations, resource, service
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics
from gateway.problems import Unavailable
from gateway.service_client.deadline import Deadline
from observability.http.problem import Problem


class Coalescing:
    """Middleware: requests of a route with `coalesce: true` wait for the same work."""

    def __init__(self, invalidations: Invalidations, metrics: Metrics) -> None:
        self._invalidations = invalidations
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if not route.coalesce:
            return handler
        flights = _Flights(handler)
        services = [service(name) for name in sorted(route.reads_from)]

        async def coalesced(request: Request) -> Response:
            want = wanted(request.headers)
            if not want.kept or want.max_age == 0:
                return await handler(request)
            # A read after a write to one of its services joins no read from before.
            writes = self._invalidations.version(resource(request.path), *services)
            return await self._join(flights, (cache_key(route, request), writes), request, route.id)

        return coalesced

    async def _join(self, flights: "_Flights", key: Hashable, request: Request, route: str) -> Response:
        """The response of work that others wait for, if it may be shared; else one of the request's own.

        Where the deadline of those that began the work ended it, a request with more time begins it again.

        Raises:
            Problem: there is no response, or none in time (504).
        """
        deadline = request.deadline
        while True:
            flight = flights.find(key)
            joins = flight is not None
            if flight is None:
                flight = flights.begin(key, request, deadline)
            else:
                self._metrics.shared(route, "coalesced")
                span = trace.get_current_span()
                span.add_event("gateway.coalesced")
                span.add_link(flight.origin)
            try:
                response = await flights.wait(key, flight, request.deadline)
            except Unavailable as problem:
                if not problem.is_cut or request.deadline.at <= flight.deadline.at:
                    raise
                deadline = flight.latest  # so that it is begun again once, and not for each that waits
                continue
            return response if response.is_shareable or not joins else await flights.handler(request)


class _Flight:
    """Work that several requests wait for.

    Attributes:
        deadline: that it was begun with.
        origin: the span of the request that began it; those of the others link to it.
        latest: the last deadline of those that wait.
        waiting: how many wait.
    """

    __slots__ = ("deadline", "latest", "origin", "task", "waiting")

    def __init__(self, task: "asyncio.Task[Response]", deadline: Deadline) -> None:
        self.task = task
        self.deadline = self.latest = deadline
        self.origin = trace.get_current_span().get_span_context()
        self.waiting = 0


class _Flights:
    """The work under way of one route, by what its response depends on."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self._flights: dict[Hashable, _Flight] = {}

    def find(self, key: Hashable) -> _Flight | None:
        return self._flights.get(key)

    def begin(self, key: Hashable, request: Request, deadline: Deadline) -> _Flight:
        """Begin work, for this request and those like it; it ends when no request waits for it any more."""

        async def work() -> Response:
            return await self.handler(replace(request, deadline=deadline, time_limit=None))

        task = asyncio.create_task(work())
        flight = self._flights[key] = _Flight(task, deadline)
        task.add_done_callback(lambda _: self._forget(key, task))
        return flight

    async def wait(self, key: Hashable, flight: _Flight, deadline: Deadline) -> Response:
        """Wait for the response that another request's work makes.

        Raises:
            Problem: 504, nothing within the deadline; or what the work raises.
        """
        flight.waiting += 1
        flight.latest = max(flight.latest, deadline, key=attrgetter("at"))
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await asyncio.shield(flight.task)
        except TimeoutError as error:
            raise Problem(504, detail="The answer was not there in time.") from error
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight.task)
                flight.task.cancel()

    def _forget(self, key: Hashable, task: "asyncio.Task[Response]") -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
