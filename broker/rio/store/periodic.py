"""Work on the store that comes again and again beside everything else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Never

import psycopg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout, TooManyRequests

_logger = logging.getLogger(__name__)

AWAY: Final = (psycopg.OperationalError, psycopg.errors.UndefinedTable, PoolTimeout, TooManyRequests)
"""What a store that cannot be reached, or is not migrated yet, raises."""


async def every(
    seconds: float,
    work: Callable[[], Awaitable[object]],
    name: str,
    away: tuple[type[Exception], ...] = AWAY,
) -> Never:
    """Do the work every so many seconds, untraced, until cancelled; what fails is logged and tried again.

    `away`: what it raises while a server is away, which is worth no stack trace.
    """
    while True:
        await asyncio.sleep(seconds)
        try:
            with suppress_instrumentation():
                await work()
        except away as error:
            _logger.warning("%s: put off", name, extra={"reason": repr(error)})
        except Exception:
            _logger.exception("%s failed", name)
