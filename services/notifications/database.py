"""The service's own database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from services.chassis.database import outage_is_problem
from services.chassis.engine import OUTAGES, make_async_engine


class Base(DeclarativeBase):
    """The base class of this service's tables."""


class Database:
    """A small pool of connections that outlives a restart of PostgreSQL."""

    def __init__(self) -> None:
        self._engine = make_async_engine()
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end of its `async with`, unless that raises.

        Raises a Problem (503) while the database is away.
        """
        with outage_is_problem(*OUTAGES):
            async with self._sessions.begin() as session:
                yield session

    async def check(self) -> None:
        """A health check: raises unless the database answers."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()
