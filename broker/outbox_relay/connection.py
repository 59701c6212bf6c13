"""The relay's connections to the services' databases."""

from typing import Final

from broker.outbox_relay.settings import Database
from observability.postgresql.connection import AsyncConnection

_ANSWER_SECONDS: Final = 11.0  # more than a statement may take in PostgreSQL
_SESSION: Final = "-c statement_timeout=10000 -c lock_timeout=5000 -c timezone=UTC"


async def connect(database: Database) -> AsyncConnection[object]:
    """A connection in autocommit mode; raises psycopg.OperationalError within some seconds."""
    connection = await AsyncConnection[object].connect(
        database.url,
        autocommit=True,
        connect_timeout=3,
        application_name="relay",
        client_encoding="utf8",  # of a database without an encoding psycopg would give bytes
        options=_SESSION,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )
    connection.answer_seconds = _ANSWER_SECONDS
    return connection
