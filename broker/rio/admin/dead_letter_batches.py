"""Many dead letters at once: sent again, or discarded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from broker.rio.admin.dead_letter_documents import Kept, Progress, Selection, cursor_behind
from broker.rio.admin.dead_letters import DeadLetterResource, log_discarded, resent
from broker.rio.admin.description import operation, read_body, show
from broker.rio.admin.handler import available
from broker.rio.store.dead_letters import DeadLetter

_BATCH: Final = 50
"""How many are locked and published at a time: bodies of all are in memory together."""
_MAX_BATCHES: Final = 10
"""A request's share of a long replay; its answer says where to go on."""


class _ManyHandler(DeadLetterResource):
    """What is done to many dead letters: in bounded batches, each a transaction of its own."""

    async def work(self) -> None:
        """Take batches until all were looked at or the request's share is done, and answer the progress.

        Those that died first come first, so that events of an ordered subscription keep their order.
        """
        self.require_admin()
        selection = read_body(self, Selection)
        letter_filter = selection.letter_filter(await self.dead_letters.now())
        done, kept = 0, list[Kept]()
        for _ in range(_MAX_BATCHES):
            async with self.dead_letters.lock(letter_filter, _BATCH) as locked:
                refused = await self.take(locked.letters)
                stay = {one.id for one in refused}
                await locked.remove(letter.id for letter in locked.letters if letter.id not in stay)
            self.taken([letter for letter in locked.letters if letter.id not in stay])
            done += len(locked.letters) - len(refused)
            kept += refused
            if len(locked.letters) < _BATCH:
                show(self, Progress(done=done, kept=kept, remaining=0, next=None))
                return
            letter_filter = replace(letter_filter, after=locked.letters[-1].place)
        remaining = await self.dead_letters.count(letter_filter)
        show(
            self,
            Progress(done=done, kept=kept, remaining=remaining, next=cursor_behind(letter_filter, remaining)),
        )

    async def take(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        """Do it to a batch; gives those that must stay."""
        raise NotImplementedError

    def taken(self, letters: Sequence[DeadLetter]) -> None:
        """These have gone."""


class ReplayManyHandler(_ManyHandler):
    """/dead-letters/replay."""

    @operation(
        "Send many dead letters again; asked with `cursor` until `next` is null",
        body=Selection,
        answers={200: Progress},
    )
    @available
    async def post(self) -> None:
        await self.work()

    async def take(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        answers = await self.resending.send([resent(letter) for letter in letters])
        return [
            Kept(id=letter.id, reason="not confirmed by RabbitMQ" if answer else "subscription gone")
            for letter, answer in zip(letters, answers, strict=True)
            if answer is not True
        ]


class DiscardManyHandler(_ManyHandler):
    """/dead-letters/discard."""

    @operation(
        "Discard many dead letters; asked with `cursor` until `next` is null",
        body=Selection,
        answers={200: Progress},
    )
    @available
    async def post(self) -> None:
        await self.work()

    async def take(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        return []

    def taken(self, letters: Sequence[DeadLetter]) -> None:
        log_discarded(letters)
