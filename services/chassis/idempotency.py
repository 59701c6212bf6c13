"""Requests that can be repeated: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

A key, what it was sent with and what was answered are a row of the same transaction as the work itself. So a
repeated request finds the whole work done, its answer included, or nothing of it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol, Self

from observability.http.problem import Problem

HEADER: Final = "Idempotency-Key"
#: The gateway says so who asks; one caller's keys mean nothing to another.
USER_HEADER: Final = "X-User-Id"
#: In an answer that was given before.
REPLAYED: Final = {"Idempotent-Replayed": "true"}
MAX_KEY: Final = 512
KEPT_HOURS: Final = 24
#: Old rows that each new one takes with it.
_SWEPT: Final = 10

SCHEMA: Final = """
CREATE TABLE idempotency_keys (
    owner text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    status smallint NOT NULL,
    location text NOT NULL,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
"""
"""For the migrations of services that take keys."""

# Held to the end of the transaction. It is a number of 64 bits: two keys that share one are told to wait.
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(%(owner)s || ' ' || %(key)s, 5))"
_FIND: Final = """
SELECT request, status, location, body FROM idempotency_keys
WHERE owner = %(owner)s AND key = %(key)s AND created_at > now() - make_interval(hours => %(hours)s)
"""
_KEEP: Final = """
INSERT INTO idempotency_keys (owner, key, request, status, location, body)
VALUES (%(owner)s, %(key)s, %(request)s, %(status)s, %(location)s, CAST(%(body)s AS jsonb))
ON CONFLICT (owner, key) DO UPDATE SET request = excluded.request, status = excluded.status,
    location = excluded.location, body = excluded.body, created_at = now()
"""
_SWEEP: Final = """
DELETE FROM idempotency_keys WHERE ctid IN (
    SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(hours => %(hours)s)
    LIMIT %(swept)s FOR UPDATE SKIP LOCKED
)
"""


class Rows(Protocol):
    """The result of a statement: a DB-API cursor or SQLAlchemy's CursorResult."""

    def fetchone(self) -> Any: ...


class Headers(Protocol):
    """A request's headers, as Flask and Django have them."""

    def get(self, name: str, /) -> str | None: ...


Execute = Callable[[str, Mapping[str, Any]], Rows]


@dataclass(frozen=True, slots=True)
class IdempotentResponse:
    """The response to a request that was carried out: now, or before (`replayed`)."""

    status: int
    location: str
    body: dict[str, Any]
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"Location": self.location} | (REPLAYED if self.replayed else {})


@dataclass(frozen=True, slots=True)
class Key:
    """A request's key: whose it is, and a hash of what it was sent with."""

    owner: str
    key: str
    request: bytes

    @classmethod
    def of(cls, headers: Headers, operation: str, document: Mapping[str, Any]) -> Self | None:
        """The key of a request; None where it has none.

        Parameters:
            operation: such as `POST /orders`.
            document: the body; how it was written down does not matter.

        Raises:
            Problem: 400, the key is empty, too long or not printable.
        """
        key = headers.get(HEADER)
        if key is None:
            return None
        if not 0 < len(key) <= MAX_KEY or not key.isprintable():
            raise Problem(400, "Idempotency-Key is malformed")
        content = f"{operation}\n{json.dumps(document, sort_keys=True)}"
        return cls(headers.get(USER_HEADER) or "", key, sha256(content.encode()).digest())


def once(execute: Execute, key: Key | None, act: Callable[[], IdempotentResponse]) -> IdempotentResponse:
    """Do the work in the caller's open transaction, or answer as when it was done.

    Parameters:
        execute: runs SQL with psycopg's named parameters in that transaction.
        act: does the work. What it raises is not remembered: the request can be repeated.

    Raises:
        Problem: 409, a request with this key is being answered; 422, the key came with another request.
    """
    if key is None:
        return act()
    named = {"owner": key.owner, "key": key.key, "hours": KEPT_HOURS}
    if not execute(_LOCK, named).fetchone()[0]:
        detail = "A request with this Idempotency-Key is being answered; repeat it in a moment."
        raise Problem(409, "Request in progress", detail=detail, headers={"Retry-After": "1"})
    if (found := execute(_FIND, named).fetchone()) is not None:
        return _replayed(key, *found)
    answer = act()
    kept = {"request": key.request, "status": answer.status, "location": answer.location}
    execute(_KEEP, named | kept | {"body": json.dumps(answer.body)})
    execute(_SWEEP, named | {"swept": _SWEPT})
    return answer


def _replayed(key: Key, request: bytes, status: int, location: str, body: Any) -> IdempotentResponse:
    if bytes(request) != key.request:
        detail = "This Idempotency-Key came with another request before."
        raise Problem(422, "Idempotency-Key used before", detail=detail)
    document: dict[str, Any] = json.loads(body) if isinstance(body, str) else body
    return IdempotentResponse(status, location, document, replayed=True)
