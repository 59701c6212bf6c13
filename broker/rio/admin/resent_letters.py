"""Dead letters that are sent again or discarded, whichever resource asks for it."""

from collections.abc import Sequence

from broker.rio.amqp.not_published import NotPublished
from broker.rio.jobs.resending import Resending, Resent
from broker.rio.model.states import State, log_state
from broker.rio.store.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters
from observability.http.problem import Problem


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
    """The message of a letter, as it is sent again."""
    return Resent(letter.message, letter.subscription, "dead-letter", letter.message.replay)
