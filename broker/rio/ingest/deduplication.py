"""Each event is accepted once: it is claimed before it is published, and its outcome is stored before the
response is sent.

A repeated event gets the outcome of the first one, which may still be in hand: in the same request, in
another one, or in another process.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from broker.rio import refusals
from broker.rio.ingest.messages import Outcome
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.subject_order import SubjectOrder
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.event import Event
from broker.rio.model.sender import Sender
from broker.rio.store.accepted import Accepted, ClaimResult, key_of

_ELSEWHERE_SECONDS: Final = 3.0
_ELSEWHERE_PAUSE_SECONDS: Final = 0.1
_GIVEN_UP: Final = refusals.unavailable("Not accepted", "the request was given up")

_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Candidate:
    """An event that passed every check.

    Attributes:
        key: identifies the event, however often it is sent.
        due_at: when the event is to be published; None: now.
        outcome: set once it is known.
    """

    event: Event
    key: bytes
    due_at: datetime | None
    outcome: "asyncio.Future[Outcome]"


Act = Callable[[Sequence[Candidate]], Awaitable[Sequence[Outcome]]]
"""Publishes or schedules events that were not accepted before; returns their outcomes in the same order."""


class Deduplication:
    """Has each event published or scheduled once."""

    def __init__(self, accepted: Accepted, observer: IngestObserver) -> None:
        self._accepted = accepted
        self._observer = observer
        self._in_hand: dict[bytes, Candidate] = {}

    def enter(self, sender: Sender, event: Event, due_at: datetime | None) -> tuple[Candidate, bool]:
        """The candidate of an event, and whether it is new. A new one has to be given to `decide`; any other
        is in hand already, and its outcome is shared.
        """
        key = key_of(sender.name, event)
        known = self._in_hand.get(key)
        if known is not None:
            return known, False
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        candidate = self._in_hand[key] = Candidate(event, key, due_at, outcome)
        return candidate, True

    async def decide(self, candidates: Sequence[Candidate], act: Act, *, is_ordered: bool) -> None:
        """Set the outcome of every candidate, also if this fails or is cancelled.

        Args:
            is_ordered: whether a candidate is held back behind one of its subject that is not accepted.
        """
        try:
            await self._decide(candidates, act, is_ordered)
        except AWAY as error:
            _logger.warning("events are refused: PostgreSQL is unavailable", extra={"reason": repr(error)})
            _settle(candidates, refusals.store_unavailable())
        finally:
            _settle(candidates, _GIVEN_UP)
            for candidate in candidates:
                del self._in_hand[candidate.key]

    async def _decide(self, candidates: Sequence[Candidate], act: Act, is_ordered: bool) -> None:
        deadline = time.monotonic() + _ELSEWHERE_SECONDS
        while True:
            claimed, elsewhere = await self._claim(candidates, SubjectOrder(is_ordered))
            if claimed:
                await self._act(claimed, act, is_ordered)
            if not elsewhere:
                return
            if time.monotonic() > deadline:
                detail = "the same event is being accepted by another request"
                _settle(elsewhere, refusals.unavailable("Not decided yet", detail))
                return
            await asyncio.sleep(_ELSEWHERE_PAUSE_SECONDS)
            candidates = elsewhere

    async def _claim(
        self, candidates: Sequence[Candidate], order: SubjectOrder
    ) -> tuple[list[Candidate], list[Candidate]]:
        """Claim candidates. Returns those that are claimed now, and those that another process has in hand;
        all others have their outcome."""
        claimed: list[Candidate] = []
        elsewhere: list[Candidate] = []
        held_back: list[Candidate] = []
        results = await self._accepted.claim([one.key for one in candidates])
        for candidate, result in zip(candidates, results, strict=True):
            if result is ClaimResult.CLAIMED:
                (held_back if order.holds_back(candidate.event) else claimed).append(candidate)
            elif result is ClaimResult.ACCEPTED:
                self._observer.repeated()
                candidate.outcome.set_result(None)
            else:
                order.stop(candidate.event)
                elsewhere.append(candidate)
        if held_back:
            await self._note(held_back, [refusals.held_back()] * len(held_back))
            _settle(held_back, refusals.held_back())
        return claimed, elsewhere

    async def _act(self, claimed: Sequence[Candidate], act: Act, is_ordered: bool) -> None:
        """Act on claimed events, and store their outcomes before the response is sent."""
        try:
            outcomes = await act(claimed)
            if is_ordered:
                # One channel takes messages in order. If RabbitMQ confirms a message behind an unconfirmed
                # one all the same, both are published again, in order.
                outcomes = _held_back(claimed, outcomes)
        except BaseException:
            await self._note(claimed, [_GIVEN_UP] * len(claimed))
            raise
        await self._note(claimed, outcomes)
        for candidate, outcome in zip(claimed, outcomes, strict=True):
            candidate.outcome.set_result(outcome)

    async def _note(self, claimed: Sequence[Candidate], outcomes: Sequence[Outcome]) -> None:
        accepted = [one.key for one, outcome in zip(claimed, outcomes, strict=True) if outcome is None]
        refused = [one.key for one, outcome in zip(claimed, outcomes, strict=True) if outcome is not None]
        try:
            if accepted:
                await self._accepted.accept(accepted)
            if refused:
                await self._accepted.release(refused)
        except AWAY as error:
            # RabbitMQ has the accepted events: if they were refused, they would be sent twice. Their claims
            # hold for a while.
            _logger.warning(
                "accepted events cannot be recorded for deduplication",
                extra={"count": len(accepted), "reason": repr(error)},
            )


def _held_back(candidates: Sequence[Candidate], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes; an event behind one of its subject that was not accepted is refused as held back."""
    order, found = SubjectOrder(is_ordered=True), list[Outcome]()
    for candidate, outcome in zip(candidates, outcomes, strict=True):
        if outcome is not None:
            order.stop(candidate.event)
        elif order.holds_back(candidate.event):
            outcome = refusals.held_back()  # noqa: PLW2901
        found.append(outcome)
    return found


def _settle(candidates: Sequence[Candidate], outcome: Outcome) -> None:
    """Set the outcome of the candidates that have none yet."""
    for candidate in candidates:
        if not candidate.outcome.done():
            candidate.outcome.set_result(outcome)
