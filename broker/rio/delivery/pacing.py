"""When an attempt may be made, by the subscription's rate and the circuit breaker of its sink."""

import asyncio
import time
from typing import Final

from broker.rio.delivery.circuit_breaker import CircuitBreaker
from broker.rio.delivery.rate_limiter import RateLimiter

# RabbitMQ closes the connection of a consumer that leaves a message unsettled for half an hour: a message
# that waits is returned to its queue before that.
_LONGEST_WAIT_SECONDS: Final = 600.0


class Pacing:
    """Decides when the attempts of one subscription are made."""

    def __init__(
        self, rate_per_second: float | None, circuit_breaker: CircuitBreaker, stopped: asyncio.Event
    ) -> None:
        """`stopped` ends every wait."""
        self._rate_limiter = None if rate_per_second is None else RateLimiter(rate_per_second)
        self._circuit_breaker = circuit_breaker
        self._stopped = stopped

    @property
    def is_unlimited(self) -> bool:
        """Whether an attempt may be made without `wait`."""
        return self._rate_limiter is None and self._circuit_breaker.is_closed

    async def wait(self) -> bool:
        """Wait for the rate and the circuit; False when it would take over 10 min, or deliveries stop."""
        seconds = self._rate_limiter.reserve() if self._rate_limiter is not None else 0.0
        since = time.monotonic()
        while seconds > 0 or (seconds := self._circuit_breaker.wait_seconds()) > 0:
            left = since + _LONGEST_WAIT_SECONDS - time.monotonic()
            # As long as may be, even if that will not do: a message that is requeued comes again at once.
            if await stops_within(self._stopped, min(seconds, left)) or seconds >= left:
                return False
            seconds = 0.0
        return True


async def stops_within(stopped: asyncio.Event, seconds: float) -> bool:
    """Wait for so long; True as soon as deliveries stop."""
    try:
        async with asyncio.timeout(seconds):
            return await stopped.wait()
    except TimeoutError:
        return False
