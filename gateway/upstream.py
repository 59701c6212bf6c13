"""Calls to services, through services nginx: one bounded, traced HTTP exchange each."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from gateway.settings import Settings

#: The largest answer of a service that the gateway holds in memory.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
#: Connections to services nginx that one gateway process keeps, busy or idle.
MAX_CONNECTIONS = 256


class UpstreamError(Exception):
    """A service gave no usable answer. `status` is what the gateway's own caller should get."""

    def __init__(self, service: str, status: int, cause: str, retry_after: str | None = None) -> None:
        super().__init__(f"{service}: {cause}")
        self.service = service
        self.status = status
        self.cause = cause
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Request:
    """A call to one service. `path` is already quoted and starts with the service's own prefix."""

    service: str
    path: str
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, with a status below 500."""

    service: str
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body.

        Raises:
            UpstreamError: the service's body is not JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise UpstreamError(self.service, 502, "the answer is not JSON") from error


class Upstreams:
    """The services behind services nginx; create it inside the running event loop and close it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._base = str(settings.services_url).rstrip("/")
        self._host, self._port = settings.services_url.host, settings.services_url.port
        self._timeouts = {
            name: aiohttp.ClientTimeout(
                total=service.timeout_seconds, connect=min(2, service.timeout_seconds)
            )
            for name, service in settings.services.items()
        }
        self._session = aiohttp.ClientSession(
            headers={"X-Platform-Credential": settings.credential(), "User-Agent": "nextphase-gateway"},
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=30),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def call(self, request: Request) -> Answer:
        """Make one call; no retries.

        Raises:
            UpstreamError: no answer in time (504), no connection (502), a 5xx answer (503 and 504 stay,
                others become 502), an answer over MAX_ANSWER_BYTES or not meant for the gateway (502).
        """
        try:
            async with self._session.request(
                request.method,
                URL(self._base + request.path, encoded=True),
                data=request.body,
                headers=request.headers,
                timeout=self._timeouts[request.service],
                allow_redirects=False,
            ) as response:
                body = await self._read(request.service, response)
        except TimeoutError as error:
            raise UpstreamError(request.service, 504, "no answer in time") from error
        except aiohttp.ClientError as error:
            raise UpstreamError(request.service, 502, "no connection") from error
        _refuse_failure(request.service, response)
        return Answer(request.service, response.status, body, response.headers)

    async def reachable(self) -> None:
        """Return when services nginx takes connections; raise otherwise (a health check).

        No request is made: it would leave a span and a log line in services nginx every few seconds.
        """
        _, writer = await asyncio.open_connection(self._host, self._port)
        writer.close()
        await writer.wait_closed()

    async def close(self) -> None:
        await self._session.close()

    @staticmethod
    async def _read(service: str, response: aiohttp.ClientResponse) -> bytes:
        chunks = bytearray()
        async for chunk in response.content.iter_any():
            chunks += chunk
            if len(chunks) > MAX_ANSWER_BYTES:
                response.close()
                raise UpstreamError(service, 502, "the answer is too large")
        return bytes(chunks)


def _refuse_failure(service: str, response: aiohttp.ClientResponse) -> None:
    if response.status == 403:  # only services nginx answers so
        raise UpstreamError(service, 502, "the gateway was not admitted")
    if response.status >= 500:
        status = response.status if response.status in (503, 504) else 502
        cause = f"the service answered {response.status}"
        raise UpstreamError(service, status, cause, response.headers.get("Retry-After"))


async def gather(upstreams: Upstreams, requests: Mapping[str, Request]) -> dict[str, Answer | UpstreamError]:
    """Make the named calls concurrently; a failed one is a value, so that the others are not lost."""

    async def outcome(request: Request) -> Answer | UpstreamError:
        try:
            return await upstreams.call(request)
        except UpstreamError as error:
            return error

    outcomes = await asyncio.gather(*map(outcome, requests.values()))
    return dict(zip(requests, outcomes, strict=True))
