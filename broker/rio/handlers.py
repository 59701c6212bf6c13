"""Rio's HTTP API: emitting, subscriptions, dead letters."""

import asyncio
import base64
import functools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from amqp.exceptions import AMQPError
from psycopg_pool import PoolTimeout, TooManyRequests

from broker.rio import events
from broker.rio.emission import Emission
from broker.rio.metrics import ApiMetrics
from broker.rio.publisher import NotPublished
from broker.rio.registry import Registry
from broker.rio.senders import Senders
from broker.rio.store import DeadLetter, Store
from broker.rio.subscription import read_subscription, valid_id
from observability.frameworks import tornado as hop_tornado
from observability.problem import Problem
from observability.tracing import current_trace_id

_RETRY_AFTER_SECONDS: Final = 1
_MAX_LISTED: Final = 500
_LISTED: Final = 100
_REASONS: Final = {
    400: "malformed",
    401: "unauthorized",
    413: "too_large",
    415: "unsupported_media_type",
    503: "unavailable",
}
_MAX_ROW_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Rio:
    """What the handlers work with."""

    senders: Senders
    emission: Emission
    registry: Registry
    store: Store
    metrics: ApiMetrics
    max_body_bytes: int
    prepared: asyncio.Event
    """Set once every declared subscription has its queue: an event taken before would miss them."""


_Method = Callable[..., Awaitable[None]]


def _available(method: _Method) -> _Method:
    """Answer 503 with Retry-After while PostgreSQL or RabbitMQ cannot do their part."""

    @functools.wraps(method)
    async def answered(self: "RioHandler", *arguments: str) -> None:
        try:
            await method(self, *arguments)
        except NotPublished as error:
            raise _unavailable("RabbitMQ unavailable", str(error)) from error
        except (
            psycopg.OperationalError,
            psycopg.errors.UndefinedTable,
            PoolTimeout,
            TooManyRequests,
        ) as error:
            raise _unavailable("Store unavailable", "PostgreSQL does not answer") from error
        except (AMQPError, OSError) as error:
            raise _unavailable("RabbitMQ unavailable", "RabbitMQ does not answer") from error

    return answered


def _unavailable(title: str, detail: str) -> Problem:
    """Ask the caller to come again."""
    return Problem(503, title, detail=detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})


class RioHandler(hop_tornado.Handler):
    """Lets known senders in."""

    def initialize(self, rio: Rio) -> None:
        self.rio = rio

    def prepare(self) -> None:
        """Refuse whoever brings no sender's token, or too much."""
        super().prepare()
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.rio.senders.by_token(token.strip()) is None:
            raise Problem(
                401,
                "Unknown sender",
                detail="a sender's bearer token is needed",
                headers={"WWW-Authenticate": 'Bearer realm="rio"'},
            )
        if len(self.request.body) > self.rio.max_body_bytes:
            raise Problem(413, "Body too large", detail=f"at most {self.rio.max_body_bytes} bytes")

    def row_id(self, text: str) -> int:
        """The number in a dead letter's address."""
        if len(text) > 19 or int(text) > _MAX_ROW_ID:
            raise Problem(404, "Dead letter not found")
        return int(text)


class EventsHandler(RioHandler):
    """POST /events: CloudEvents in binary, structured or batch mode."""

    _counted = False

    @_available
    async def post(self) -> None:
        if not self.rio.prepared.is_set():
            raise _unavailable("Rio is starting", "The declared subscriptions are not there yet")
        media = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media == events.BATCH:
            await self._post_batch()
            return
        event = self._parse_one(media)
        (answer,) = await self.rio.emission.emit([event])
        if isinstance(answer, NotPublished):
            raise answer
        self.set_status(202)
        self.finish({"id": event.id})

    def _parse_one(self, media: str) -> events.Event:
        if media == events.STRUCTURED:
            return events.parse_structured(self.request.body)
        if "ce-specversion" in self.request.headers:
            return events.parse_binary(dict(self.request.headers.get_all()), self.request.body)
        detail = f"send {events.STRUCTURED}, {events.BATCH} or ce-* headers"
        raise Problem(415, "Not a CloudEvent", detail=detail)

    async def _post_batch(self) -> None:
        parsed = events.parse_batch(self.request.body)
        answers = iter(
            await self.rio.emission.emit([found for found in parsed if isinstance(found, events.Event)])
        )
        accepted, refused = [], []
        for index, found in enumerate(parsed):
            outcome = found if isinstance(found, Problem) else next(answers)
            if isinstance(found, events.Event) and not isinstance(outcome, Problem | NotPublished):
                accepted.append(found.id)
            else:
                refused.append({"index": index, "problem": self._refusal(outcome)})
        if not accepted and refused:
            self._refuse_all(refused)
        self.set_status(202)
        self.finish({"accepted": accepted, "refused": refused})

    def _refusal(self, outcome: Any) -> dict[str, Any]:
        problem = (
            outcome if isinstance(outcome, Problem) else _unavailable("RabbitMQ unavailable", str(outcome))
        )
        self.rio.metrics.refused.labels(_REASONS.get(problem.status, "other")).inc()
        return problem.document()

    def _refuse_all(self, refused: list[dict[str, Any]]) -> None:
        """Answer that nothing stands: 503 if another try can help, else 400, with every event's problem."""
        self._counted = True
        again = any(entry["problem"]["status"] == 503 for entry in refused)
        if again:
            self.set_header("Retry-After", str(_RETRY_AFTER_SECONDS))
        title = "RabbitMQ unavailable" if again else "No event of the batch can be taken"
        document = Problem(503 if again else 400, title).document(current_trace_id())
        self.set_status(document["status"])
        self.set_header("Content-Type", Problem.MEDIA_TYPE)
        self.finish(json.dumps({**document, "accepted": [], "refused": refused}))

    def on_finish(self) -> None:
        """Count what was refused whole; a batch's events are counted one by one."""
        super().on_finish()
        status = self.get_status()
        if status >= 400 and not self._counted:
            self.rio.metrics.refused.labels(_REASONS.get(status, "other")).inc()


class SubscriptionsHandler(RioHandler):
    """GET /subscriptions."""

    @_available
    async def get(self) -> None:
        found = await self.rio.store.subscriptions()
        self.finish({"items": [subscription.document() for subscription in found]})


class SubscriptionHandler(RioHandler):
    """PUT, GET and DELETE /subscriptions/{id}."""

    @_available
    async def put(self, subscription_id: str) -> None:
        subscription = read_subscription(subscription_id, events.read_json(self.request.body))
        created = await self.rio.registry.put(subscription)
        self.set_status(201 if created else 200)
        self.finish(subscription.document())

    @_available
    async def get(self, subscription_id: str) -> None:
        subscription = await self.rio.store.subscription(subscription_id)
        if subscription is None:
            raise Problem(404, "Subscription not found")
        self.finish(subscription.document())

    @_available
    async def delete(self, subscription_id: str) -> None:
        if not await self.rio.registry.delete(subscription_id):
            raise Problem(404, "Subscription not found")
        self.set_status(204)


class DeadLettersHandler(RioHandler):
    """GET /dead-letters?subscription=&limit=."""

    @_available
    async def get(self) -> None:
        subscription_id = self.get_query_argument("subscription", None) or None
        if subscription_id is not None and not valid_id(subscription_id):
            raise Problem(400, "Not a subscription", detail="no subscription can have this id")
        found = await self.rio.store.dead_letters(subscription_id, self._limit())
        self.finish({"items": [_letter_document(letter, body=False) for letter in found]})

    def _limit(self) -> int:
        text = self.get_query_argument("limit", str(_LISTED))
        if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _MAX_LISTED):
            raise Problem(400, "Not a limit", detail=f"limit is a number from 1 to {_MAX_LISTED}")
        return int(text)


class DeadLetterHandler(RioHandler):
    """GET and DELETE /dead-letters/{id}."""

    @_available
    async def get(self, letter_id: str) -> None:
        letter = await self.rio.store.dead_letter(self.row_id(letter_id))
        if letter is None:
            raise Problem(404, "Dead letter not found")
        self.finish(_letter_document(letter, body=True))

    @_available
    async def delete(self, letter_id: str) -> None:
        async with self.rio.store.exhume(self.row_id(letter_id)) as letter:
            if letter is None:
                raise Problem(404, "Dead letter not found")
        self.set_status(204)


class ReplayHandler(RioHandler):
    """POST /dead-letters/{id}/replay: back into its subscription's queue, with all its attempts anew."""

    @_available
    async def post(self, letter_id: str) -> None:
        async with self.rio.store.exhume(self.row_id(letter_id)) as letter:
            if letter is None:
                raise Problem(404, "Dead letter not found")
            if not await self.rio.emission.replay(letter):
                raise Problem(409, "Subscription gone", detail=f"nothing subscribes as {letter.subscription}")
        self.set_status(202)
        self.finish({"id": letter.message.event.id, "subscription": letter.subscription})


def _letter_document(letter: DeadLetter, *, body: bool) -> dict[str, Any]:
    event = letter.message.event
    document: dict[str, Any] = {
        "id": letter.id,
        "subscription": letter.subscription,
        "event": dict(event.attributes),
        "reason": letter.failure.reason,
        "status": letter.failure.status,
        "response": letter.failure.response,
        "attempts": letter.attempts,
        "accepted_at": datetime.fromtimestamp(letter.message.accepted_at, UTC).isoformat(),
        "died_at": letter.died_at.isoformat(),
        "traceparent": letter.message.trace.get("traceparent"),
    }
    if body:
        document["event"]["datacontenttype"] = event.content_type
        document["event"]["data_base64"] = base64.b64encode(event.body).decode()
    return document


def routes(rio: Rio) -> list[tuple[str, type[RioHandler], dict[str, Any]]]:
    """The API's addresses."""
    arguments = {"rio": rio}
    return [
        (r"/events", EventsHandler, arguments),
        (r"/subscriptions", SubscriptionsHandler, arguments),
        (r"/subscriptions/([^/]+)", SubscriptionHandler, arguments),
        (r"/dead-letters", DeadLettersHandler, arguments),
        (r"/dead-letters/([0-9]+)", DeadLetterHandler, arguments),
        (r"/dead-letters/([0-9]+)/replay", ReplayHandler, arguments),
    ]
