"""The service's own database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from services.chassis.database import outage_is_problem
from services.chassis.engine import OUTAGES, make_engine


class Base(DeclarativeBase):
    """The base class of this service's tables."""


class Database:
    """A small pool of connections that outlives a restart of PostgreSQL."""

    def __init__(self) -> None:
        self._engine = make_engine()
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end of its `with`, unless that raises.

        Raises a Problem (503) while the database is away.
        """
        with outage_is_problem(*OUTAGES), self._sessions.begin() as session:
            yield session

    def check(self) -> None:
        """A health check: raises unless the database answers."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))
