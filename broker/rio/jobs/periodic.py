"""Work on the store that comes again and again beside everything else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Never

import psycopg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout, TooManyRequests

_logger = logging.getLogger(__name__)

_SHOWN: Final = 200

AWAY: Final = (psycopg.OperationalError, psycopg.errors.UndefinedTable, PoolTimeout, TooManyRequests)
"""Errors of a store that cannot be reached or is not migrated yet."""

_failing: Final[dict[str, str]] = {}
"""Work of this process that failed unexpectedly when it was last done, and how."""


def check() -> None:
    """A health check: raises while some of the process' work fails in a way that nothing is known of."""
    if _failing:
        raise RuntimeError("; ".join(f"{name} failed: {how}" for name, how in sorted(_failing.items())))


async def every(
    seconds: float,
    work: Callable[[], Awaitable[object]],
    name: str,
    away: tuple[type[Exception], ...] = AWAY,
) -> Never:
    """Do the work every so many seconds, untraced, until cancelled; what fails is logged and tried again.

    `away`: what it raises while a server is away, which is worth no stack trace. `check` tells of all else.
    """
    while True:
        await asyncio.sleep(seconds)
        try:
            with suppress_instrumentation():
                await work()
        except away as error:
            _logger.warning("background job postponed: %s", name, extra={"reason": repr(error)})
        except Exception as error:
            _logger.exception("background job failed: %s", name)
            _failing[name] = repr(error)[:_SHOWN]
            continue
        _failing.pop(name, None)
