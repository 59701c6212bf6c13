"""Many dead letters at once: sent again, or discarded."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from broker.rio.admin.dead_letter_documents import Kept, Progress, Selection, cursor_behind
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.resent_letters import log_discarded, resent
from broker.rio.admin.route import resource
from broker.rio.store.dead_letters import DeadLetter, DeadLetters

_BATCH: Final = 50
"""How many are locked and published at a time: bodies of all are in memory together."""
_MAX_BATCHES: Final = 10
"""A request's share of a long replay; its answer says where to go on."""

_Take = Callable[[Sequence[DeadLetter]], Awaitable[list[Kept]]]
"""Replays or discards a batch; returns the letters that must stay."""

router = resource()


@router.post(
    "/dead-letters/replay",
    summary="Send many dead letters again; asked with `cursor` until `next` is null",
)
async def replay_many(selection: Selection, parts: ApiParts) -> Progress:
    async def send(letters: Sequence[DeadLetter]) -> list[Kept]:
        answers = await parts.resending.send([resent(letter) for letter in letters])
        return [
            Kept(id=letter.id, reason="not confirmed by RabbitMQ" if answer else "subscription gone")
            for letter, answer in zip(letters, answers, strict=True)
            if answer is not True
        ]

    return await _work(parts.stores.dead_letters, selection, send)


@router.post(
    "/dead-letters/discard",
    summary="Discard many dead letters; asked with `cursor` until `next` is null",
)
async def discard_many(selection: Selection, parts: ApiParts) -> Progress:
    async def keep_none(_letters: Sequence[DeadLetter]) -> list[Kept]:
        return []

    return await _work(parts.stores.dead_letters, selection, keep_none, log_discarded)


async def _work(
    dead_letters: DeadLetters,
    selection: Selection,
    take: _Take,
    gone: Callable[[Sequence[DeadLetter]], None] | None = None,
) -> Progress:
    """Take batches, a transaction each, until all were looked at or the request's share is done.

    Those that died first come first, so that events of an ordered subscription keep their order. `gone` is
    called with those of a batch that did not stay.
    """
    letter_filter = selection.letter_filter(await dead_letters.now())
    done, kept = 0, list[Kept]()
    for _ in range(_MAX_BATCHES):
        async with dead_letters.lock(letter_filter, _BATCH) as locked:
            refused = await take(locked.letters)
            stay = {one.id for one in refused}
            left = [letter for letter in locked.letters if letter.id not in stay]
            await locked.remove(letter.id for letter in left)
        if gone is not None:
            gone(left)
        done += len(left)
        kept += refused
        if len(locked.letters) < _BATCH:
            return Progress(done=done, kept=kept, remaining=0, next=None)
        letter_filter = replace(letter_filter, after=locked.letters[-1].place)
    remaining = await dead_letters.count(letter_filter)
    cursor = cursor_behind(letter_filter, remaining)
    return Progress(done=done, kept=kept, remaining=remaining, next=cursor)
