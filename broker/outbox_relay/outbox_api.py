"""The refused rows of the outboxes over REST, for an operator with the relay's operator token.

GET    /outbox?service=NAME&limit=N       refused rows, in the order written
GET    /outbox/{service}/{position}       one of them, with the event's data
DELETE /outbox/{service}/{position}       discard it
POST   /outbox/{service}/{position}/retry ship it again
POST   /outbox/{service}/retry            ship the service's refused rows again, the oldest 10,000

`position` is a row's number in its service's outbox.
"""

import functools
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

import msgspec
from tornado.web import RequestHandler

from broker.outbox_relay.refused_rows import UNAVAILABLE, RefusedRow, RefusedRows, reason_of
from observability.frameworks import tornado as hop_tornado
from observability.http.problem import Problem
from observability.logs.burst_limit import never_limit

_LISTED: Final = 50
_MAX_LISTED: Final = 500
_MAX_DIGITS: Final = 18  # of PostgreSQL's bigint
# What an operator did: all of it.
_logger = logging.getLogger(never_limit(__name__))

_Method = Callable[..., Awaitable[None]]


def routes(outboxes: RefusedRows, token: str) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The addresses, to be added to an application's routes. token: the operator's."""
    given = {"outboxes": outboxes, "token": token}
    return [
        ("/outbox", _OutboxHandler, given),
        ("/outbox/([^/]+)/retry", _RetryHandler, given),
        ("/outbox/([^/]+)/([0-9]+)", _RowHandler, given),
        ("/outbox/([^/]+)/([0-9]+)/retry", _RetryHandler, given),
    ]


def _available(method: _Method) -> _Method:
    """Answer 404 for a service without an outbox, 503 with Retry-After while its database is away."""

    @functools.wraps(method)
    async def answered(self: "_OperatorHandler", *arguments: str) -> None:
        try:
            await method(self, *arguments)
        except KeyError as error:
            raise Problem(404, "No such outbox", detail=f"no service {error} has an outbox") from error
        except UNAVAILABLE as error:
            headers = {"Retry-After": "5"}
            raise Problem(
                503, "Outbox unavailable", detail=reason_of(error)[:1000], headers=headers
            ) from error

    return answered


class _OperatorHandler(hop_tornado.Handler):
    """Admits the operator's token alone."""

    def initialize(self, outboxes: RefusedRows, token: str) -> None:
        self.outboxes = outboxes
        self._expected = f"Bearer {token}".encode()

    def prepare(self) -> None:
        super().prepare()
        given = self.request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._expected):
            raise Problem(
                401,
                "Operator token required",
                detail="the relay's operator token is needed",
                headers={"WWW-Authenticate": 'Bearer realm="relay"'},
            )

    def show(self, document: Any) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(document))


class _OutboxHandler(_OperatorHandler):
    """/outbox."""

    @_available
    async def get(self) -> None:
        limit, service = self._limit(), self.get_query_argument("service", None)
        # One more than asked for tells whether there are more.
        found = (
            await self.outboxes.list(limit + 1)
            if service is None
            else [await self.outboxes.of(service, limit + 1)]
        )
        items = [_shown(refusals.service, row) for refusals in found for row in refusals.rows]
        unread = [{"service": one.service, "reason": one.failure} for one in found if one.failure]
        self.show({"items": items[:limit], "more": len(items) > limit, "unread": unread})

    def _limit(self) -> int:
        given = self.get_query_argument("limit", str(_LISTED))
        if not given.isascii() or not given.isdigit() or len(given) > 3 or not 1 <= int(given) <= _MAX_LISTED:
            raise Problem(400, "Invalid limit", detail=f"limit is a number from 1 to {_MAX_LISTED}")
        return int(given)


class _RowHandler(_OperatorHandler):
    """/outbox/{service}/{position}."""

    @_available
    async def get(self, service: str, position: str) -> None:
        row = await self.outboxes.get(service, _number(position))
        if row is None:
            raise _no_such_row(service, position)
        # As it was written: numbers keep their digits.
        data = None if row.data is None else msgspec.Raw(row.data.encode())
        self.show({"service": service, **asdict(row), "data": data})

    @_available
    async def delete(self, service: str, position: str) -> None:
        discarded = await self.outboxes.discard(service, _number(position))
        if discarded is None:
            raise _no_such_row(service, position)
        fields = {
            "database": service,
            "event_id": discarded.id,
            "event_type": discarded.type,
            "subject": discarded.subject,
        }
        _logger.warning("an operator discarded an event from the outbox", extra=fields)
        self.set_status(204)


class _RetryHandler(_OperatorHandler):
    """/outbox/{service}/retry and /outbox/{service}/{position}/retry."""

    @_available
    async def post(self, service: str, position: str | None = None) -> None:
        done = await self.outboxes.retry(service, None if position is None else _number(position))
        if position is not None and not done:
            raise _no_such_row(service, position)
        fields = {"database": service, "rows": done}
        _logger.info("an operator retried refused events of the outbox", extra=fields)
        self.set_status(202)
        self.show({"service": service, "retried": done})


def _shown(service: str, row: RefusedRow) -> dict[str, Any]:
    return {"service": service, **asdict(row)}


def _number(position: str) -> int:
    if len(position) > _MAX_DIGITS:
        raise Problem(404, "Row not found", detail=f"no row has a position of {len(position)} digits")
    return int(position)


def _no_such_row(service: str, position: str) -> Problem:
    detail = f"the outbox of {service} has no refused row at position {position}"
    return Problem(404, "Row not found", detail=detail)
