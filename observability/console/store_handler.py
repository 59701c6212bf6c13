"""Passes permitted questions on to the stores."""

import asyncio
import contextlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from observability.console import payloads
from observability.console.guard import AskingHandler
from observability.console.limits import MAX_QUERY_BYTES, MAX_SERIES, check_bounds
from observability.console.store_addresses import StoreAddress
from observability.console.store_client import StoreAnswer, StoreClient
from observability.http.client import Streamed
from observability.http.problem import Problem


class _Result(msgspec.Struct):
    resultType: str
    result: list[msgspec.Raw] | msgspec.Raw


_MAX_REFUSAL_BYTES: Final = 64 * 1024
_LINES: Final = "streams"
"""The result type of log lines: a line with metadata of its own is a stream, and `limit` bounds the lines."""


class _Listing(msgspec.Struct):
    """An answer of Prometheus' or Loki's query API."""

    status: str
    data: _Result
    warnings: list[str] = []


_listing = msgspec.json.Decoder(_Listing)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class StoreHandler(AskingHandler):
    """One address of a store, read-only."""

    def initialize(self, address: StoreAddress, client: StoreClient) -> None:
        self._address = address
        self._client = client

    async def get(self, *parts: str) -> None:
        """Ask the store what was asked here, for as long as the page waits for it."""
        parameters = self._parameters()
        if self._address.streamed and self.request.method == "HEAD":
            return
        path = self._address.path.format(*parts)
        passing = self._pass_stream if self._address.streamed else self._pass
        await self.ask(passing(path, parameters))

    async def _pass(self, path: str, parameters: Sequence[tuple[str, str]]) -> None:
        answer = await self._client.get(self._address.store, path, parameters)
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type or "application/json")
        self.finish(await self._shown(answer))

    async def _shown(self, answer: StoreAnswer) -> bytes:
        if answer.status != HTTPStatus.OK:
            return answer.body
        if self._address.holds_payloads and not self.shows_payloads():
            # A second for what senders can make of it: not on the loop of all pages.
            return await asyncio.to_thread(payloads.hide, answer.body)
        if self._address.member is not None:
            return member(answer.body, self._address.member)
        return cut(answer.body) if self._address.listed else answer.body

    async def _pass_stream(self, path: str, parameters: Sequence[tuple[str, str]]) -> None:
        with contextlib.suppress(TimeoutError):  # it has gone on for long enough
            await self._pass_lines(path, parameters)

    async def _pass_lines(self, path: str, parameters: Sequence[tuple[str, str]]) -> None:
        async with self._client.stream(self._address.store, path, parameters) as streamed:
            self.set_status(streamed.status)
            self.set_header("Content-Type", streamed.headers.get("content-type") or "text/event-stream")
            if streamed.status != HTTPStatus.OK:  # a refusal, which need not be a line
                self.finish(await _beginning(streamed))
                return
            await self.flush()
            self.count()
            lines = payloads.Lines()
            async for chunk in streamed.chunks():
                # Asked anew each time: a session may end while its live tail goes on.
                is_hidden = self._address.holds_payloads and not self.shows_payloads()
                if ended := lines.take(chunk, is_hidden=is_hidden):
                    self.write(ended)
                    await self.flush()

    def _parameters(self) -> list[tuple[str, str]]:
        if len(self.request.query) > MAX_QUERY_BYTES:
            raise Problem(414, detail=f"a query has at most {MAX_QUERY_BYTES} bytes")
        asked = parse_qsl(self.request.query, keep_blank_values=True)
        if unknown := sorted({name for name, _ in asked} - self._address.parameters):
            errors = [{"pointer": f"#/{name}", "detail": "is not a parameter here"} for name in unknown[:20]]
            raise Problem(400, detail="the query cannot be asked", errors=errors)
        check_bounds(self._address.store, asked)
        return [*asked, *self._address.fixed.items()]


async def _beginning(streamed: Streamed) -> bytes:
    """An answer that is short, such as a problem document; of a longer one the beginning."""
    body = bytearray()
    async for chunk in streamed.chunks():
        body += chunk
        if len(body) >= _MAX_REFUSAL_BYTES:
            break
    return bytes(body[:_MAX_REFUSAL_BYTES])


def member(body: bytes, name: str) -> bytes:
    """A member of a JSON object as it is; the whole body where there is none."""
    try:
        return bytes(_members.decode(body)[name])
    except (msgspec.DecodeError, KeyError):
        return body


def cut(body: bytes) -> bytes:
    """The answer with at most MAX_SERIES series; what was left out is said in its warnings."""
    try:
        listing = _listing.decode(body)
    except msgspec.DecodeError:
        return body
    found = listing.data.result
    if not isinstance(found, list) or len(found) <= MAX_SERIES or listing.data.resultType == _LINES:
        return body
    listing.data.result = found[:MAX_SERIES]
    listing.warnings = [*listing.warnings, f"{MAX_SERIES} of {len(found)} series are shown"]
    return msgspec.json.encode(listing)
