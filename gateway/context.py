"""The objects that endpoints and middleware of one gateway process share."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from opentelemetry.trace import NoOpTracer, SpanContext, Tracer
from prometheus_client import CollectorRegistry

from gateway.aggregation.last_good import LastGood
from gateway.invalidations import Invalidations
from gateway.long_lived.connections import LongLivedConnections
from gateway.lru import LruCache
from gateway.messages import Response
from gateway.metrics import Metrics
from gateway.service_client import Answer, Attempt, Call, KeptOpen, Listener, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.policy import Policy
from observability.http.client import Streamed
from observability.tracer import MinimalSpan

LAST_GOOD_BYTES = 16 * 1024 * 1024
CACHE_BYTES = 32 * 1024 * 1024

CachedResponse = tuple[Response, int, tuple[int, ...], SpanContext]
"""A response, how many seconds it may be given, its resource's version, and the span that it was made in."""


class ServiceClient(Protocol):
    """Calls services; `gateway.service_client.HttpServiceClient` does so by HTTP."""

    def follow(self, policies: Mapping[str, Policy]) -> None: ...

    def begin(
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: MinimalSpan,
        onward: str,
        listener: Listener,
    ) -> Attempt | None: ...

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: Attempt | None = None
    ) -> Answer: ...

    def stream(
        self, call: Call, policy: Policy, deadline: Deadline, kept_open: KeptOpen | None = None
    ) -> AbstractAsyncContextManager[Streamed]: ...


class NullServiceClient:
    """Calls no service: routes are only checked, or all are mocked."""

    def follow(self, policies: Mapping[str, Policy]) -> None:
        """There is nothing to bound."""

    def begin(
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: MinimalSpan,
        onward: str,
        listener: Listener,
    ) -> None:
        return None

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: Attempt | None = None
    ) -> Answer:
        raise ServiceError(call.service, 503, "no service is called here")

    def stream(
        self, call: Call, policy: Policy, deadline: Deadline, kept_open: KeptOpen | None = None
    ) -> AbstractAsyncContextManager[Streamed]:
        raise ServiceError(call.service, 503, "no service is called here")


@dataclass(frozen=True, slots=True)
class Context:
    """The services, telemetry, and what is remembered; it outlives the router, which is read again.

    Attributes:
        last_good: parts' last good answers, for routes that serve them stale.
        cache: answers that may be given again, by plan, target and caller, with the seconds they may be given
            for and the version of their resource.
        invalidations: the writes that all processes of the gateway passed on.
        long_lived: the connections that are kept open.
    """

    service_client: ServiceClient
    tracer: Tracer
    metrics: Metrics
    last_good: LruCache[LastGood]
    cache: LruCache[CachedResponse]
    invalidations: Invalidations
    long_lived: LongLivedConnections

    @classmethod
    def of(
        cls,
        service_client: ServiceClient,
        tracer: Tracer,
        metrics: Metrics,
        invalidations: Invalidations | None = None,
    ) -> "Context":
        """A context with nothing remembered yet.

        Parameters:
            invalidations: those that the processes share; without them this one has its own.
        """
        last_good: LruCache[LastGood] = LruCache(LAST_GOOD_BYTES)
        cache: LruCache[CachedResponse] = LruCache(CACHE_BYTES)
        kept = invalidations or Invalidations()
        return cls(service_client, tracer, metrics, last_good, cache, kept, LongLivedConnections(metrics))

    @classmethod
    def null(cls) -> "Context":
        """The context of routes that are only checked, and answer no request."""
        return cls.of(NullServiceClient(), NoOpTracer(), Metrics(CollectorRegistry()))
