"""SQLAlchemy engines for a service's PostgreSQL: their pool, and the errors that mean it is away."""

from typing import Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.chassis.database import CONNECT, url

#: Keyword arguments of an engine: a laptop's pool, each connection tested before it is used.
OPTIONS: Final[dict[str, Any]] = {
    "connect_args": CONNECT,
    "pool_pre_ping": True,
    "pool_size": 4,
    "max_overflow": 4,
    "pool_timeout": 3,
}

#: What SQLAlchemy raises when the database is away, too slow, or has no connection left.
OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeout)


def engine_url() -> URL:
    """DATABASE_URL for SQLAlchemy with psycopg 3."""
    return make_url(url()).set(drivername="postgresql+psycopg")


def quieten(engine: Engine) -> None:
    """Keep the pings of `pool_pre_ping` out of traces, where each request would show a span named `;`."""
    ping = engine.dialect.do_ping

    def untraced_ping(dbapi_connection: DBAPIConnection) -> bool:
        with suppress_instrumentation():
            return ping(dbapi_connection)

    engine.dialect.do_ping = untraced_ping  # type: ignore[method-assign]
