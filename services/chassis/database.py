"""A service's PostgreSQL: where it is, how long it may take, and what is said when it is away."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from observability.http.problem import Problem
from observability.settings import SettingsError

#: Seconds that a service waits for an answer of PostgreSQL: more than a statement may take there, and less
#: than the 5 s after which services nginx gives a request up, so that a hanging server is answered with 503.
ANSWER_SECONDS: Final = 3.5
#: Connection parameters of libpq. Seconds to connect; milliseconds for a statement, for a transaction that
#: does nothing (a stopped process must not keep its locks), and for data sent to stay unacknowledged.
CONNECT: Final[dict[str, Any]] = {
    "connect_timeout": 2,
    "options": "-c statement_timeout=3000 -c idle_in_transaction_session_timeout=10000 -c timezone=UTC",
    "tcp_user_timeout": 3000,
    "application_name": os.environ.get("SERVICE_INSTANCE_ID", ""),
}

#: The same for migrations: a large table takes its time, but waits for locks stay short, as all others wait
#: behind them.
MIGRATE: Final[dict[str, Any]] = {
    **CONNECT,
    "options": "-c lock_timeout=5000 -c timezone=UTC",
}
#: Seconds that a migration may take.
MIGRATION_SECONDS: Final = 3600.0


def url() -> str:
    """DATABASE_URL, as libpq reads it (the password comes from PGPASSFILE); SettingsError without it."""
    try:
        return os.environ["DATABASE_URL"]
    except KeyError:
        raise SettingsError("DATABASE_URL: missing from the environment") from None


@contextmanager
def outage_is_problem(*outages: type[Exception]) -> Iterator[None]:
    """Turn errors that mean the database is away or too slow into the Problem (503) a client is told."""
    try:
        yield
    except outages as error:
        raise Problem(
            503, "Database unavailable", detail="try again in a moment", headers={"Retry-After": "1"}
        ) from error
