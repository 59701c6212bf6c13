"""Dead letters over REST: looked at, sent again, discarded."""

import base64
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from broker.cloudevents.json_format import shown_data
from broker.rio.admin.dead_letter_documents import (
    Letter,
    Letters,
    LettersQuery,
    Replayed,
    cursor_at,
    shown_letter,
)
from broker.rio.admin.description import operation, read_query, row_id, show
from broker.rio.admin.handler import RioHandler, available
from broker.rio.admin.paging import page_of
from broker.rio.amqp.publisher import NotPublished
from broker.rio.jobs.resending import Resending, Resent
from broker.rio.model.sender import Senders
from broker.rio.model.states import State, log_state
from broker.rio.store.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters
from observability.http.problem import Problem


class DeadLetterResource(RioHandler):
    """Dead letters."""

    def initialize(self, senders: Senders, dead_letters: DeadLetters, resending: Resending) -> None:
        self.senders = senders
        self.dead_letters = dead_letters
        self.resending = resending


class DeadLettersHandler(DeadLetterResource):
    """/dead-letters."""

    @operation("List dead letters, newest first", query=LettersQuery, answers={200: Letters})
    @available
    async def get(self) -> None:
        self.require_sees_all()
        query = read_query(self, LettersQuery)
        found = await self.dead_letters.newest(query.letter_filter(), query.limit + 1)
        page, cursor = page_of(found, query.limit, lambda letter: cursor_at(letter.place))
        show(self, Letters(items=[shown_letter(letter) for letter in page], next=cursor))


class DeadLetterHandler(DeadLetterResource):
    """/dead-letters/{letter_id}."""

    @operation("Look at a dead letter, with the event's data", answers={200: Letter})
    @available
    async def get(self, letter_id: str) -> None:
        self.require_sees_all()
        letter = await self.dead_letters.get(row_id(letter_id, "Dead letter"))
        if letter is None:
            raise Problem(404, "Dead letter not found")
        event = letter.message.event
        document = shown_letter(letter).model_dump(mode="json")
        # Beside the model, which cannot keep the digits of JSON's numbers.
        document["event"] |= {"data_base64": base64.b64encode(event.body).decode()}
        document["event"] |= shown_data(event.content_type, event.body)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(document))

    @operation("Discard a dead letter", answers={204: None})
    @available
    async def delete(self, letter_id: str) -> None:
        self.require_admin()
        async with self.dead_letters.lock(DeadLetterFilter((row_id(letter_id, "Dead letter"),)), 1) as locked:
            if not locked.letters:
                raise Problem(404, "Dead letter not found")
            await locked.remove(letter.id for letter in locked.letters)
        log_discarded(locked.letters)
        self.set_status(204)


class DeadLetterReplayHandler(DeadLetterResource):
    """/dead-letters/{letter_id}/replay."""

    @operation(
        "Send a dead letter again: into its subscription's queue, with all its attempts anew",
        answers={202: Replayed},
    )
    @available
    async def post(self, letter_id: str) -> None:
        self.require_admin()
        letter = await replay_letter(self.dead_letters, self.resending, row_id(letter_id, "Dead letter"))
        if letter is None:
            raise Problem(404, "Dead letter not found")
        replayed = Replayed(id=letter.message.event.id, subscription=letter.subscription)
        show(self, replayed, HTTPStatus.ACCEPTED)


async def replay_letter(dead_letters: DeadLetters, resending: Resending, letter_id: int) -> DeadLetter | None:
    """Send one dead letter again; None when there is none.

    Raises NotPublished when RabbitMQ did not confirm it, and Problem 409 when its subscription is gone; the
    letter then stays.
    """
    async with dead_letters.lock(DeadLetterFilter((letter_id,)), 1) as locked:
        if not locked.letters:
            return None
        (letter,) = locked.letters
        (answer,) = await resending.send([resent(letter)])
        if isinstance(answer, NotPublished):
            raise answer
        if not answer:
            raise subscription_gone(letter.subscription)
        await locked.remove([letter.id])
    return letter


def subscription_gone(subscription_id: str) -> Problem:
    """The event's subscription is gone."""
    return Problem(409, "Subscription gone", detail=f"nothing subscribes as {subscription_id}")


def log_discarded(letters: Sequence[DeadLetter]) -> None:
    """Write the log line of each letter that was discarded."""
    for letter in letters:
        log_state(State.DISCARDED, letter.message.event, letter.subscription)


def resent(letter: DeadLetter) -> Resent:
    """What is sent again of a letter."""
    return Resent(letter.message, letter.subscription, "dead-letter", letter.message.replay)
