"""The keys that sign access tokens: a JWK Set (RFC 7517), kept as long as it is fresh."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from pathlib import Path

from jwt import PyJWK, PyJWTError

from observability.http.client import Client, ClientError, Limits, Origin

#: Signatures that are accepted: asymmetric ones alone, and no `none`.
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
#: The shortest time between two readings, however many unknown key ids come.
MIN_REFRESH_SECONDS = 10.0
FETCH_SECONDS = 3.0
MAX_KEYS = 64
MAX_BYTES = 256 * 1024

_logger = logging.getLogger(__name__)

Read = Callable[[], Awaitable[bytes]]


class KeysUnavailable(Exception):
    """There is no key set, and none could be read."""


class Jwks:
    """A key set that is read again when it grew old, and when a token names a key that is not in it.

    A reading that fails leaves the keys as they were. Requests that wait for one share it.

    Parameters:
        read: gives the document.
        refresh_seconds: age at which it is read again, beside the requests that use it.
        changed: called when the set is another one.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        read: Read,
        refresh_seconds: float = 300.0,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changed = changed
        self._read = read
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._document = b""
        self._tried = -inf
        self._reading: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> PyJWK | None:
        """The key of that id; None where there is none.

        Raises:
            KeysUnavailable: there are no keys at all.
        """
        if kid in self._keys:
            self.keep_fresh()
        elif self._reading is not None or self._clock() - self._tried >= MIN_REFRESH_SECONDS:
            await asyncio.shield(self._refresh())
        if not self._keys:
            raise KeysUnavailable
        return self._keys.get(kid)

    def keep_fresh(self) -> None:
        """Have the set read again, beside the requests, if it grew old."""
        if self._clock() - self._tried >= self._refresh_seconds:
            self._refresh()

    def _refresh(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._tried = self._clock()
            self._reading = asyncio.create_task(self._read_again())
            self._reading.add_done_callback(self._done)
        return self._reading

    def _done(self, _task: asyncio.Task[None]) -> None:
        self._reading = None

    async def _read_again(self) -> None:
        try:
            document = await self._read()
            if document == self._document:
                return
            self._keys = parse(document)
        except (OSError, ClientError, ValueError) as error:
            _logger.warning("keys of access tokens cannot be read", extra={"reason": str(error)[:300]})
            return
        self._document = document
        self.changed()
        _logger.info("keys of access tokens read", extra={"keys": sorted(self._keys)})


def parse(document: bytes) -> dict[str, PyJWK]:
    """The keys of a JWK Set that can verify what is accepted here, by their ids; others are passed over.

    Raises:
        ValueError: it is no JWK Set, or has no such key.
    """
    if len(document) > MAX_BYTES:
        raise ValueError("the key set is too large")
    entries = json.loads(document)
    entries = entries.get("keys") if isinstance(entries, dict) else None
    if not isinstance(entries, list):
        raise ValueError("a key set has a list named keys")
    keys: dict[str, PyJWK] = {}
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
            continue
        kid = entry.get("kid")
        try:
            key = PyJWK(entry)
        except (PyJWTError, ValueError, KeyError, TypeError):
            continue
        if isinstance(kid, str) and key.algorithm_name in ALGORITHMS:
            keys[kid] = key
    if not keys:
        raise ValueError(f"the key set has no key of {', '.join(sorted(ALGORITHMS))} with an id")
    return keys


def from_file(path: Path) -> Read:
    """Read the key set from a file; a few kilobytes, so it is done on the loop."""

    async def read() -> bytes:
        return path.read_bytes()  # noqa: ASYNC240 - see above

    return read


def from_url(url: str) -> Read:
    """Read the key set from a URL; redirects are not followed."""
    origin = Origin.of(url)
    target = "/" + url.split("://", 1)[1].partition("/")[2]

    async def read() -> bytes:
        client = Client(limits=Limits(connections_per_origin=1, body_bytes=MAX_BYTES))
        try:
            headers = [("Accept", "application/jwk-set+json, application/json")]
            response = await client.request(origin, "GET", target, headers, timeout_seconds=FETCH_SECONDS)
        finally:
            await client.close()
        if response.status != 200:
            raise ValueError(f"the key set's server answered {response.status}")
        return response.body

    return read
