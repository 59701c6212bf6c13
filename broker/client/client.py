"""Emitting events to Rio directly, without an outbox: for what is no part of a database transaction.

with Client("http://orders:token@127.0.0.1:8200/comments") as rio:
    rio.emit("published", {"comment_id": 7}, subject="7")
"""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx

from broker.client.draft import Draft
from broker.client.dsn import Dsn
from broker.client.sending import Sending, Sent

_CONNECTIONS: Final = 32
_IDLE_SECONDS: Final = 30.0


class _Base:
    """The address and time limits that both clients have."""

    def __init__(self, dsn: str | Dsn, *, timeout_seconds: float = 5.0, budget_seconds: float = 30.0) -> None:
        """Raises DsnError.

        Args:
            dsn: `http://sender:token@host:port/project`.
            timeout_seconds: how long one request may take.
            budget_seconds: how long to go on trying while Rio cannot be reached or cannot take an event.
        """
        self._dsn = Dsn.parse(dsn) if isinstance(dsn, str) else dsn
        self._budget_seconds = budget_seconds
        self._url = f"{self._dsn.origin}/events"
        self._options: dict[str, Any] = {
            "auth": httpx.BasicAuth(self._dsn.sender, self._dsn.token),
            "timeout": timeout_seconds,
            "limits": httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_IDLE_SECONDS),
            "trust_env": False,  # no proxy of the machine's gets to see the token
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._dsn)!r})"

    def _sending(self, drafts: Sequence[Draft]) -> Sending:
        return Sending(self._dsn, drafts, self._budget_seconds)


class Client(_Base):
    """Emits events. May be shared by threads; `close` it, or use it as a context manager."""

    def __init__(self, dsn: str | Dsn, *, timeout_seconds: float = 5.0, budget_seconds: float = 30.0) -> None:
        super().__init__(dsn, timeout_seconds=timeout_seconds, budget_seconds=budget_seconds)
        self._http = httpx.Client(**self._options)

    def emit(self, action: str, data: Any, **more: Any) -> str:
        """Emit one event and return its id once Rio has it safe.

        Args:
            action: with the DSN's project before it, the event's type.
            data: any JSON value.
            more: further fields of `Draft`: subject, source, id, time, not_before.

        Raises:
            Refused: Rio will never take it.
            Unavailable: Rio has not confirmed it within the budget.
            TypeError, ValueError: the data is no JSON.
        """
        return _only(self.emit_many([Draft(action=action, data=data, **more)]))

    def emit_many(self, drafts: Sequence[Draft]) -> list[Sent]:
        """Emit events in batches; tells of each, in the order given, what became of it."""
        with self._sending(drafts) as sending:
            while (request := sending.next()) is not None:
                time.sleep(request.pause_seconds)
                try:
                    answer = self._http.post(self._url, content=request.body, headers=request.headers)
                except httpx.TransportError as error:
                    sending.failed(error)
                else:
                    sending.answered(answer.status_code, answer.headers, answer.content)
            return sending.sent

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Base):
    """The same for asyncio."""

    def __init__(self, dsn: str | Dsn, *, timeout_seconds: float = 5.0, budget_seconds: float = 30.0) -> None:
        super().__init__(dsn, timeout_seconds=timeout_seconds, budget_seconds=budget_seconds)
        self._http = httpx.AsyncClient(**self._options)

    async def emit(self, action: str, data: Any, **more: Any) -> str:
        """As `Client.emit`."""
        return _only(await self.emit_many([Draft(action=action, data=data, **more)]))

    async def emit_many(self, drafts: Sequence[Draft]) -> list[Sent]:
        """As `Client.emit_many`."""
        with self._sending(drafts) as sending:
            while (request := sending.next()) is not None:
                await asyncio.sleep(request.pause_seconds)
                try:
                    answer = await self._http.post(self._url, content=request.body, headers=request.headers)
                except httpx.TransportError as error:
                    sending.failed(error)
                else:
                    sending.answered(answer.status_code, answer.headers, answer.content)
            return sending.sent

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _only(sent: Sequence[Sent]) -> str:
    (one,) = sent
    if one.error is not None:
        raise one.error
    return one.id
