"""How a service is called, as it is declared."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=300)]
Ratio = Annotated[float, Field(gt=0, le=1)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetryPolicy(_Declared):
    """Further attempts at idempotent calls whose failure may be of this moment only.

    Attributes:
        attempts: how many in all, the first among them; 1 is none but it.
        budget_ratio: retries that each call pays for: at 0.2 at most one call in five is made again.
        first_seconds: the pause before the n-th retry is drawn from 0 to `first_seconds` x 2^(n-1) ...
        cap_seconds: ... or this, whichever is less (full jitter); a service that asks by `Retry-After` to be
            left alone for longer is not called again.
    """

    attempts: Annotated[int, Field(ge=1, le=5)] = 2
    budget_ratio: Ratio = 0.2
    first_seconds: Seconds = 0.025
    cap_seconds: Seconds = 0.25


class BreakerPolicy(_Declared):
    """When calls of one path of a service are not made for a while.

    Attributes:
        failure_ratio: it opens when so much of the window's calls failed ...
        minimum: ... and there were so many of them at least.
        window_seconds: how far back it looks.
        open_seconds: how long nothing is sent; then one call at a time tries.
    """

    failure_ratio: Ratio = 0.5
    minimum: Annotated[int, Field(ge=1, le=10_000)] = 20
    window_seconds: Seconds = 10.0
    open_seconds: Seconds = 5.0


class BulkheadPolicy(_Declared):
    """How much of the gateway one service can hold.

    Attributes:
        concurrent: calls at once.
        queue: calls that wait for one of those to end; what comes then is refused.
        queue_seconds: how long they wait at most.
    """

    concurrent: Annotated[int, Field(ge=1, le=10_000)] = 128
    queue: Annotated[int, Field(ge=0, le=10_000)] = 256
    queue_seconds: Seconds = 0.5


class LongLivedPolicy(_Declared):
    """How long a connection is kept open: a WebSocket, or an event stream.

    Attributes:
        idle_seconds: for which nothing may pass; of an event stream, nothing may come from the service.
        life_seconds: when it is ended, whatever passes.
    """

    idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    life_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600.0


class Policy(_Declared):
    """How a service is called.

    `timeout_seconds` bounds one attempt, answer included; the request's deadline bounds all of them. A part
    may have its own timeout and retries; the settings of breakers and the bulkhead are the service's.
    """

    timeout_seconds: Seconds = 5.0
    retries: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    bulkhead: BulkheadPolicy = BulkheadPolicy()
