"""What actions need of the process they run in."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from opentelemetry.trace import NoOpTracer, Tracer
from prometheus_client import CollectorRegistry

from gateway.aggregation.part import LastGood
from gateway.backend import Answer, Attempt, Call, Listener, UpstreamError
from gateway.backend.deadline import Deadline
from gateway.backend.policy import Policy
from gateway.lru import Memory
from gateway.messages import Reply
from gateway.metrics import Metrics
from gateway.middleware.invalidation import Invalidations
from observability.client import Streamed
from observability.lean import Sketch

LAST_GOOD_BYTES = 16 * 1024 * 1024
CACHE_BYTES = 32 * 1024 * 1024


class Services(Protocol):
    """Whom calls are made to: see `gateway.backend.Upstreams`."""

    def follow(self, policies: Mapping[str, Policy]) -> None: ...

    def begin(
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: Sketch,
        onward: str,
        listener: Listener,
    ) -> Attempt | None: ...

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: Attempt | None = None
    ) -> Answer: ...

    def stream(
        self, call: Call, policy: Policy, deadline: Deadline
    ) -> AbstractAsyncContextManager[Streamed]: ...


class Nobody:
    """In the place of services where none are called: while a file is checked, and where all is mocked."""

    def follow(self, policies: Mapping[str, Policy]) -> None:
        """There is nothing to bound."""

    def begin(
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: Sketch,
        onward: str,
        listener: Listener,
    ) -> None:
        return None

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: Attempt | None = None
    ) -> Answer:
        raise UpstreamError(call.service, 503, "no service is called here")

    def stream(self, call: Call, policy: Policy, deadline: Deadline) -> AbstractAsyncContextManager[Streamed]:
        raise UpstreamError(call.service, 503, "no service is called here")


@dataclass(frozen=True, slots=True)
class World:
    """The services, telemetry, and what is remembered; it outlives the routing table.

    Attributes:
        last_good: parts' last good answers, for routes that serve them stale.
        cache: answers that may be given again, by plan, target and caller, with the seconds they may be given
            for and the version of their resource.
        invalidations: the writes that all processes of the gateway passed on.
    """

    upstreams: Services
    tracer: Tracer
    metrics: Metrics
    last_good: Memory[LastGood]
    cache: Memory[tuple[Reply, int, tuple[int, ...]]]
    invalidations: Invalidations

    @classmethod
    def of(
        cls,
        upstreams: Services,
        tracer: Tracer,
        metrics: Metrics,
        invalidations: Invalidations | None = None,
    ) -> "World":
        """A world with nothing remembered yet.

        Parameters:
            invalidations: those that the processes share; without them this one has its own.
        """
        last_good: Memory[LastGood] = Memory(LAST_GOOD_BYTES)
        cache: Memory[tuple[Reply, int, tuple[int, ...]]] = Memory(CACHE_BYTES)
        return cls(upstreams, tracer, metrics, last_good, cache, invalidations or Invalidations())

    @classmethod
    def nowhere(cls) -> "World":
        """A world to read tables in that answer nobody."""
        return cls.of(Nobody(), NoOpTracer(), Metrics(CollectorRegistry()))
