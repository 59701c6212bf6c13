"""Asking the stores."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from opentelemetry.propagate import inject

from observability.client import Client, ClientError, Limits, Origin, Response, Streamed, TimedOut
from observability.console.limits import ANSWER_SECONDS, MAX_ANSWER_BYTES, STREAM_SECONDS
from observability.console.settings import Stores
from observability.problem import Problem

_LIMITS: Final = Limits(connections_per_origin=32, waiting_per_origin=256, body_bytes=MAX_ANSWER_BYTES)


@dataclass(frozen=True)
class Answer:
    """What a store answered."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class _Base:
    """Where a store is, and what every request to it carries."""

    origin: Origin
    path: str
    headers: tuple[tuple[str, str], ...]


class StoreClient:
    """Asks the stores of an instance, within the bounds of `limits`.

    Args:
        stores: where they are.
        rio_token: the token of Rio's read-only sender.
    """

    def __init__(self, stores: Stores, rio_token: str) -> None:
        self._client = Client(_LIMITS)
        tokens = {"rio": rio_token}
        self._bases = {name: _base(str(url), tokens.get(name)) for name, url in stores}

    async def get(self, store: str, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Answer:
        """Ask a store and hold its answer; cancelling the call closes the connection to the store.

        Raises:
            Problem: 502 where the store cannot be reached or answers too much, 504 where it takes too long.
        """
        base = self._bases[store]
        answer = await self._request(store, "GET", _target(base, path, parameters), _headers(base))
        return Answer(answer.status, answer.headers.get("content-type") or "", answer.body)

    async def send(
        self, store: str, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Response:
        """Make a request that may change something, with these headers and without the console's own token.

        Raises:
            ValueError: target or headers could be read as something else than one request.
            Problem: as `get`; where it was not answered, it may have been acted on or not.
        """
        base = self._bases[store]
        return await self._request(store, method, f"{base.path}{target}", [*headers, *_trace_headers()], body)

    async def _request(
        self, store: str, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b""
    ) -> Response:
        origin = self._bases[store].origin
        try:
            return await self._client.request(
                origin, method, target, headers, body, timeout_seconds=ANSWER_SECONDS
            )
        except ClientError as error:
            raise _unavailable(store, error) from error

    @asynccontextmanager
    async def stream(
        self, store: str, path: str, parameters: Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[Streamed]:
        """Ask a store for an answer that goes on; raises as `get` does."""
        base = self._bases[store]
        try:
            async with self._client.stream(
                base.origin,
                "GET",
                _target(base, path, parameters),
                _headers(base),
                timeout_seconds=ANSWER_SECONDS,
                idle_seconds=STREAM_SECONDS,
            ) as streamed:
                yield streamed
        except ClientError as error:
            raise _unavailable(store, error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _base(url: str, token: str | None) -> _Base:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    headers = (("Authorization", f"Bearer {token}"),) if token else ()
    return _Base(Origin(parts.scheme, parts.hostname or "", port), parts.path.rstrip("/"), headers)


def _target(base: _Base, path: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"{base.path}{path}" + (f"?{urlencode(parameters)}" if parameters else "")


def _headers(base: _Base) -> list[tuple[str, str]]:
    return [("Accept", "application/json"), *base.headers, *_trace_headers()]


def _trace_headers() -> list[tuple[str, str]]:
    carrier: dict[str, str] = {}
    inject(carrier)
    return list(carrier.items())


def _unavailable(store: str, error: ClientError) -> Problem:
    status = 504 if isinstance(error, TimedOut) else 502
    return Problem(status, f"{store} is not available", detail=f"{store}: {error}"[:500])
