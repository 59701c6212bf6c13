"""SQLAlchemy engines for a service's PostgreSQL: their pool, and the errors that mean it is away."""

from typing import Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import URL, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from observability.postgresql.connection import CHECK_SECONDS, AsyncConnection, Connection, answer_timeout
from services.chassis.database import ANSWER_SECONDS, CONNECT, url

#: A laptop's pool, each connection tested before it is used; seconds to wait for one. A statement's values
#: may be about people: without `hide_parameters` its exception's message has them, which logs and spans keep.
_OPTIONS: Final[dict[str, Any]] = {
    "hide_parameters": True,
    "pool_pre_ping": True,
    "pool_size": 4,
    "max_overflow": 4,
    "pool_timeout": 1.5,
}

#: What SQLAlchemy raises when the database is away, too slow, or has no connection left.
OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeout)


def engine_url() -> URL:
    """DATABASE_URL for SQLAlchemy with psycopg 3."""
    return make_url(url()).set(drivername="postgresql+psycopg")


def make_engine() -> Engine:
    """An engine on the service's database, whose every wait has an end."""
    engine = create_engine(engine_url(), connect_args=CONNECT, **_OPTIONS)
    event.listen(engine, "do_connect", _connect)
    _check_briefly(engine)
    return engine


def make_async_engine() -> AsyncEngine:
    """As `make_engine`, for asyncio."""
    arguments = {**CONNECT, "async_creator_fn": _connect_async}
    engine = create_async_engine(engine_url(), connect_args=arguments, **_OPTIONS)
    _check_briefly(engine.sync_engine)
    return engine


def _connect(_: Dialect, __: object, arguments: list[Any], parameters: dict[str, Any]) -> Connection[Any]:
    connection = Connection[Any].connect(*arguments, **parameters)
    connection.answer_seconds = ANSWER_SECONDS
    return connection


async def _connect_async(*arguments: Any, **parameters: Any) -> AsyncConnection[Any]:
    connection = await AsyncConnection[Any].connect(*arguments, **parameters)
    connection.answer_seconds = ANSWER_SECONDS
    return connection


def _check_briefly(engine: Engine) -> None:
    """Give the pings of `pool_pre_ping` little time, and keep them out of traces, where each request would
    show a span named `;`."""
    ping = engine.dialect.do_ping

    def brief_ping(dbapi_connection: DBAPIConnection) -> bool:
        bounded = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        with suppress_instrumentation(), answer_timeout(bounded, CHECK_SECONDS):
            return ping(dbapi_connection)

    engine.dialect.do_ping = brief_ping  # type: ignore[method-assign]
