"""Connections to PostgreSQL whose every wait for an answer has an end, whatever has become of the server.

The server's own `statement_timeout` ends a statement that is slow. A server that hangs (stopped, swapped out,
behind a network that drops packets) keeps no timeout, and its kernel still acknowledges what it is sent, so
that neither TCP keepalive nor `tcp_user_timeout` notices. These connections end such a wait themselves.

Replaces nothing of psycopg's but `wait`, which has a timeout for notifications alone (pytest
broker/tests/test_hanging.py). To be dropped when psycopg has one for statements.
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import Row

#: How long a connection waits for an answer unless it is told otherwise.
ANSWER_SECONDS: Final = 6.0
#: How long a connection that has been idle may take to show that its server is there.
CHECK_SECONDS: Final = 1.0

RV = TypeVar("RV")


class Unanswered(psycopg.OperationalError):
    """PostgreSQL gave no answer in time; the connection is closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"PostgreSQL gave no answer within {seconds:g} s")


class Connection(psycopg.Connection[Row]):
    """A connection of psycopg that waits for no answer longer than `answer_seconds`.

    Every statement, commit and rollback may raise `Unanswered`.
    """

    answer_seconds: float = ANSWER_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        seconds = self.answer_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.errors._WaitTimeout:
            if timeout is not None:  # psycopg's own, for notifications
                raise
            self.pgconn.finish()
            raise Unanswered(seconds) from None


class AsyncConnection(psycopg.AsyncConnection[Row]):
    """As `Connection`, for asyncio."""

    answer_seconds: float = ANSWER_SECONDS

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's own
    ) -> RV:
        seconds = self.answer_seconds if timeout is None else timeout
        try:
            return await super().wait(gen, interval, seconds)
        except psycopg.errors._WaitTimeout:
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise Unanswered(seconds) from None


def is_closed_by_server(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server of an idle connection has closed it, as far as this machine's kernel knows.

    Takes microseconds and sends nothing; a server that went away without a word is not noticed.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLRDHUP)
    return bool(poll.poll(0))


@contextmanager
def answer_timeout(connection: Any, seconds: float) -> Iterator[None]:
    """Have a connection wait for answers so long, and no longer.

    Args:
        connection: a `Connection` or an `AsyncConnection`; others stay as they are.
    """
    before = getattr(connection, "answer_seconds", None)
    if before is None:
        yield
        return
    connection.answer_seconds = seconds
    try:
        yield
    finally:
        connection.answer_seconds = before
