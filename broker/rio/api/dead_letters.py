"""Dead letters over REST: looked at, sent again, discarded."""

import base64
from datetime import UTC, datetime
from typing import Any, Final

from broker.rio.api.handler import RioHandler, available
from broker.rio.store.dead_letters import DeadLetter
from broker.rio.subscription import valid_id
from observability.problem import Problem

_MAX_LISTED: Final = 500
_LISTED: Final = 100
_MAX_ROW_ID: Final = 2**63 - 1


class DeadLettersHandler(RioHandler):
    """GET /dead-letters?subscription=&limit=."""

    @available
    async def get(self) -> None:
        subscription_id = self.get_query_argument("subscription", None) or None
        if subscription_id is not None and not valid_id(subscription_id):
            raise Problem(400, "Not a subscription", detail="no subscription can have this id")
        found = await self.rio.dead_letters.newest(subscription_id, self._limit())
        self.finish({"items": [_letter_document(letter, body=False) for letter in found]})

    def _limit(self) -> int:
        text = self.get_query_argument("limit", str(_LISTED))
        if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _MAX_LISTED):
            raise Problem(400, "Not a limit", detail=f"limit is a number from 1 to {_MAX_LISTED}")
        return int(text)


class DeadLetterHandler(RioHandler):
    """GET and DELETE /dead-letters/{id}."""

    @available
    async def get(self, letter_id: str) -> None:
        letter = await self.rio.dead_letters.get(_row_id(letter_id))
        if letter is None:
            raise Problem(404, "Dead letter not found")
        self.finish(_letter_document(letter, body=True))

    @available
    async def delete(self, letter_id: str) -> None:
        async with self.rio.dead_letters.exhume(_row_id(letter_id)) as letter:
            if letter is None:
                raise Problem(404, "Dead letter not found")
        self.set_status(204)


class ReplayHandler(RioHandler):
    """POST /dead-letters/{id}/replay: back into its subscription's queue, with all its attempts anew."""

    @available
    async def post(self, letter_id: str) -> None:
        async with self.rio.dead_letters.exhume(_row_id(letter_id)) as letter:
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


def _row_id(text: str) -> int:
    """The number in a dead letter's address."""
    if len(text) > 19 or int(text) > _MAX_ROW_ID:
        raise Problem(404, "Dead letter not found")
    return int(text)
