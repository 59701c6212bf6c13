"""Asking the stores."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

from opentelemetry import trace
from opentelemetry.propagate import inject
from opentelemetry.trace import Span, SpanKind, Tracer

from observability.console.limits import ANSWER_SECONDS, MAX_ANSWER_BYTES, MAX_STREAMS, STREAM_SECONDS
from observability.console.settings import Stores
from observability.http.client import Client, ClientError, Limits, Origin, Response, Streamed, TimedOut
from observability.http.problem import Problem
from observability.span_error import set_error, type_of
from observability.tracer import Template

_HEALTH: Final[Mapping[str, str]] = {
    "prometheus": "/-/ready",
    "loki": "/ready",
    "jaeger": "/",
    "alertmanager": "/-/ready",
    "rio": "/health/live",
}
"""Where a store that is well answers with 200. Of the gateway, other hops tell."""
_CHECK_SECONDS: Final = 2.0
_LIMITS: Final = Limits(connections_per_origin=32, waiting_per_origin=256, body_bytes=MAX_ANSWER_BYTES)


@dataclass(frozen=True)
class StoreAnswer:
    """A store's response."""

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
        tracer: the hop's.
        existing: those that are not the instance's own.
        headers: what a store asks of its clients, by the store's name.
    """

    def __init__(
        self,
        stores: Stores,
        rio_token: str,
        tracer: Tracer,
        *,
        existing: Collection[str] = (),
        headers: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._existing = existing
        self._asked = {name: tuple(found.items()) for name, found in (headers or {}).items()}
        self._client = Client(_LIMITS)
        self._tracer = tracer
        self._streams: Counter[str] = Counter()
        self._spans: dict[tuple[str, str], Template] = {}
        tokens = {"rio": rio_token}
        self._bases = {
            name: _base(str(url), tokens.get(name), self._asked.get(name, ()))
            for name, url in stores
            if url is not None
        }

    async def get(self, store: str, path: str, parameters: Sequence[tuple[str, str]] = ()) -> StoreAnswer:
        """Ask a store and hold its answer; cancelling the call closes the connection to the store.

        Raises:
            Problem: 502 where the store cannot be reached or answers too much, 504 where it takes too long.
        """
        base = self._base_of(store)
        answer = await self._request(store, "GET", _target(base, path, parameters), _headers(base))
        return StoreAnswer(answer.status, answer.headers.get("content-type") or "", answer.body)

    async def send(
        self, store: str, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Response:
        """Make a request that may change something, with these headers and without the console's own token.

        Raises:
            ValueError: target or headers could be read as something else than one request.
            Problem: as `get`; where it was not answered, it may have been acted on or not.
        """
        base = self._base_of(store)
        sent = [*headers, *self._asked.get(store, ())]
        return await self._request(store, method, f"{base.path}{target}", sent, body)

    def _base_of(self, store: str) -> _Base:
        if store not in self._bases:
            reason = "compose/platform.yaml names none that can be read (telemetry)"
            raise Problem(502, f"{store} is not available", detail=reason)
        return self._bases[store]

    async def _request(
        self, store: str, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b""
    ) -> Response:
        origin = self._bases[store].origin
        with self._calling(store, method, target) as (span, context):
            response = await self._client.request(
                origin, method, target, [*headers, *context], body, timeout_seconds=ANSWER_SECONDS
            )
            _note(span, response.status)
        return response

    @asynccontextmanager
    async def stream(
        self, store: str, path: str, parameters: Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[Streamed]:
        """Ask a store for an answer that goes on; raises as `get` does, 429 where too many go on, and
        TimeoutError after STREAM_SECONDS, whether its reader still reads or not."""
        if self._streams[store] >= MAX_STREAMS:
            raise Problem(429, detail=f"{MAX_STREAMS} live tails of {store} are open; close one of them")
        self._streams[store] += 1
        try:
            async with (
                asyncio.timeout(STREAM_SECONDS),
                self._stream(store, path, parameters) as streamed,
            ):
                yield streamed
        finally:
            self._streams[store] -= 1

    @asynccontextmanager
    async def _stream(
        self, store: str, path: str, parameters: Sequence[tuple[str, str]]
    ) -> AsyncIterator[Streamed]:
        base = self._base_of(store)
        target = _target(base, path, parameters)
        with self._calling(store, "GET", target) as (span, context):
            async with self._client.stream(
                base.origin,
                "GET",
                target,
                [*_headers(base), *context],
                timeout_seconds=ANSWER_SECONDS,
                idle_seconds=STREAM_SECONDS,
            ) as streamed:
                _note(span, streamed.status)
                yield streamed

    def checks(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """A health check of each store that can be read, by its name."""
        for store, path in _HEALTH.items():
            if store in self._bases:
                yield store, self._check(store, path)

    def _check(self, store: str, path: str) -> Callable[[], Awaitable[None]]:
        base = self._bases[store]

        async def check() -> None:
            target = f"{base.path}{path}"
            answer = await self._client.request(
                base.origin, "GET", target, self._asked.get(store, ()), timeout_seconds=_CHECK_SECONDS
            )
            # What shows an existing store's health its makers know: that it answers has to do.
            is_well = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
            if not (is_well if store in self._existing else answer.status == HTTPStatus.OK):
                raise RuntimeError(f"{path} answered {answer.status}")

        return check

    @contextmanager
    def _calling(
        self, store: str, method: str, target: str
    ) -> Iterator[tuple[Span, Sequence[tuple[str, str]]]]:
        """A client span and the headers that carry it; where there is no usable answer, raises Problem."""
        url = f"{self._bases[store].origin}{target.partition('?')[0]}"
        parent = trace.get_current_span().get_span_context()
        span = self._template(store, method).start(parent, (url,))
        try:
            yield span, _trace_headers(span)
        except ClientError as error:
            set_error(span, type_of(error), f"{type(error).__name__}: {error}")
            raise _unavailable(store, error) from error
        finally:
            span.end()

    def _template(self, store: str, method: str) -> Template:
        template = self._spans.get((store, method))
        if template is None:
            origin = self._bases[store].origin
            constants: dict[str, str | int] = {
                "http.request.method": method,
                "server.address": origin.host,
                "server.port": origin.port,
                "peer.service": store,
            }
            template = Template(self._tracer, method, SpanKind.CLIENT, constants, ("url.full",))
            self._spans[store, method] = template
        return template

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _base(url: str, token: str | None, asked: tuple[tuple[str, str], ...]) -> _Base:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    headers = (("Authorization", f"Bearer {token}"),) if token else asked
    return _Base(Origin(parts.scheme, parts.hostname or "", port), parts.path.rstrip("/"), headers)


def _target(base: _Base, path: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"{base.path}{path}" + (f"?{urlencode(parameters)}" if parameters else "")


def _headers(base: _Base) -> list[tuple[str, str]]:
    return [("Accept", "application/json"), *base.headers]


def _trace_headers(span: Span) -> list[tuple[str, str]]:
    carrier: dict[str, str] = {}
    inject(carrier, trace.set_span_in_context(span))
    return list(carrier.items())


def _note(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= HTTPStatus.BAD_REQUEST:
        set_error(span, str(int(status)))


def _unavailable(store: str, error: ClientError) -> Problem:
    status = 504 if isinstance(error, TimedOut) else 502
    return Problem(status, f"{store} is not available", detail=f"{store}: {error}"[:500])
