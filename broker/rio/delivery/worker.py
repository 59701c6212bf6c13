"""Delivers what one subscription's queue holds, as its policy says, without regard to any other's."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from opentelemetry import context
from opentelemetry.context import Context

from broker.rio import tracing
from broker.rio.amqp.consumers import Consumer, Consumers, Received, Wanted
from broker.rio.amqp.publisher import NotPublished
from broker.rio.delivery.circuit import Circuit
from broker.rio.delivery.delivery import Delivery, Means, Outcome
from broker.rio.delivery.holding import Holding
from broker.rio.delivery.lines import BySubject, Line, Unordered
from broker.rio.delivery.pace import Pace
from broker.rio.delivery.readings import NotKept, Readings
from broker.rio.delivery.retry import Verdict
from broker.rio.delivery.spans import Spans
from broker.rio.delivery.webhook import Ways, Webhook
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.message import Message
from broker.rio.model.states import State, tell
from broker.rio.model.subscription import Subscription
from broker.rio.store.held import NOTHING_HELD, Held, HeldBacklog

_logger = logging.getLogger(__name__)

_HOLD_SECONDS: Final = 2.0
_HOLD_UNEXPECTED_SECONDS: Final = 60.0
_IN_HAND: Final = 8  # for each delivery under way, so that none waits for RabbitMQ
_LANES_IN_HAND: Final = 512  # so that a subject that waits leaves room for the others
_LANE_IN_HAND: Final = 32  # of a failing subject; with more waiting it is held in PostgreSQL
_PAUSE_IN_HAND: Final = 1.0
_MOST_IN_HAND: Final = 1024
# RabbitMQ closes the connection to who keeps a message for half an hour: what waits goes back before that.
_KEPT_SECONDS: Final = 600.0
_RECYCLE_SECONDS: Final = 1200.0
_EMPTY: Final = Context()


@dataclass(slots=True)
class _Held:
    """A message in hand."""

    message: Message
    since: float
    """On the monotonic clock."""


class Worker:
    """The deliveries of one subscription, from being wanted until it stops."""

    def __init__(
        self,
        number: int,
        subscription: Subscription,
        *,
        delivery: Delivery,
        consumers: Consumers,
        circuit: Circuit,
        readings: Readings,
        ways: Ways,
        held: Held,
        known: dict[tuple[str, str], Message] | None = None,
    ) -> None:
        """`known` is what a worker before this one had `attempted`."""
        policy = subscription.policy
        self.wanted = Wanted(number, subscription.id, _prefetch(subscription), policy.ordered)
        self._subscription = subscription
        self._delivery = delivery
        self._consumers = consumers
        self._circuit = circuit
        self._webhook = Webhook(subscription, ways)
        self._means = Means(self._webhook, circuit, readings, Spans(ways.tracer, subscription.id))
        self._pace = Pace(policy.rate_per_second) if policy.rate_per_second is not None else None
        self._lanes = BySubject()
        self._line: Line = self._lanes if policy.ordered else Unordered()
        self._holding = (
            Holding(self.wanted, held, readings, deliver=self._line_up, settle=self._settle)
            if policy.ordered
            else None
        )
        self._known = known or {}
        self._runners: set[asyncio.Task[None]] = set()
        self._in_hand: dict[tuple[Consumer, int], _Held] = {}
        self._later: set[asyncio.TimerHandle] = set()
        self._stopped = asyncio.Event()

    @property
    def subscription(self) -> Subscription:
        return self._subscription

    def held(self) -> HeldBacklog:
        """What waits in PostgreSQL behind messages of its subject that failed."""
        return NOTHING_HELD if self._holding is None else self._holding.backlog()

    @property
    def over(self) -> bool:
        """Whether another worker has to take its place: it has stopped, or had something in hand too long."""
        oldest = next(iter(self._in_hand.values()), None)
        kept_too_long = oldest is not None and time.monotonic() - oldest.since > _RECYCLE_SECONDS
        return self._stopped.is_set() or kept_too_long

    def oldest_accepted_at(self) -> float | None:
        """When the oldest message in hand was accepted, seconds since the epoch; None without any."""
        oldest = min((held.message.accepted_at for held in self._in_hand.values()), default=None)
        held = None if self._holding is None else self._holding.oldest_accepted_at()
        return min((at for at in (oldest, held) if at is not None), default=None)

    def attempted(self) -> dict[tuple[str, str], Message]:
        """Messages in hand that attempts were made for, as they stand, by source and id of their event."""
        return {
            (held.message.event.source, held.message.event.id): held.message
            for held in self._in_hand.values()
            if held.message.history
        }

    async def renew(self) -> None:
        """Keep the events that are held for a failing one; to be called every few seconds."""
        if self._holding is not None and not self._stopped.is_set():
            await self._holding.renew()

    def follow(self, subscription: Subscription) -> bool:
        """Take up a change of the subscription; False when only another worker can."""
        mine = self._subscription
        if (subscription.sink, subscription.policy) != (mine.sink, mine.policy):
            return False
        if subscription != mine:
            self._subscription = subscription
            self._webhook.follow(subscription)
        return True

    def receive(self, received: Received) -> None:
        """Deliver a message when its turn comes. Once stopped it is left for RabbitMQ to take back."""
        if self._stopped.is_set():
            return
        subscription, event = self._subscription, received.message.event
        elsewhere = subscription.source is not None and subscription.source != event.source
        if elsewhere or not subscription.filters.match(event):
            self._pass_over(received)
            return
        if self._known and (known := self._known.pop((event.source, event.id), None)) is not None:
            received = replace(received, message=known)
        self._in_hand[received.consumer, received.tag] = _Held(received.message, time.monotonic())
        if self._holding is None:
            self._line_up(received)
        else:
            self._holding.receive(received)

    async def stop(self) -> None:
        """Take up nothing more, and return when the attempts under way have ended."""
        self._stopped.set()
        for handle in self._later:
            handle.cancel()
        self._line.clear()
        while self._runners:
            await asyncio.wait(self._runners)
        if self._holding is not None:
            await self._holding.stop()
        await self._webhook.close()

    def _pass_over(self, received: Received) -> None:
        token = context.attach(tracing.context_of(received.message.trace) or _EMPTY)
        try:
            tell(State.FILTERED, received.message.event, self._subscription.id)
        finally:
            context.detach(token)
        self._consumers.settle(received, done=True)

    def _line_up(self, received: Received) -> None:
        if self._stopped.is_set():
            return
        self._in_hand.setdefault((received.consumer, received.tag), _Held(received.message, time.monotonic()))
        self._line.put(received)
        if len(self._runners) < self._subscription.policy.concurrency:
            self._run_one_more()

    def _run_one_more(self) -> None:
        task = asyncio.create_task(self._run())
        self._runners.add(task)
        task.add_done_callback(self._runners.discard)

    async def _run(self) -> None:
        """Deliver one message after another until none waits."""
        while not self._stopped.is_set() and (received := self._line.take()) is not None:
            await self._handle(received)

    async def _handle(self, received: Received) -> None:
        """Deliver and settle one message; never raises but for being cancelled."""
        if not received.consumer.open:
            self._let_go(received)  # RabbitMQ has it back, and gives it out anew
            return
        try:
            if (self._pace is None and self._circuit.closed) or await self._may_go():
                subscription = self._subscription
                outcome = await self._delivery.attempt(received.message, subscription, self._means)
                await self._conclude(received, outcome)
            else:
                self._give_back(received)
        except (NotPublished, *AWAY) as error:
            reason = {"reason": repr(error), "event_id": received.message.event.id}
            _logger.warning("the outcome cannot be kept; the event is delivered again", extra=reason)
            self._means.readings.not_kept(NotKept.UNAVAILABLE)
            await self._hold(received, _HOLD_SECONDS)
        except Exception:
            extra = {"event_id": received.message.event.id, "subscription": self._subscription.id}
            _logger.exception("the outcome of a delivery cannot be kept", extra=extra)
            self._means.readings.not_kept(NotKept.UNEXPECTED)
            await self._hold(received, _HOLD_UNEXPECTED_SECONDS)

    async def _conclude(self, received: Received, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.GONE:
            # Before the next poll tells: no further event goes to a sink that wants none.
            self._stopped.set()
            self._give_back(received)
        elif self._holding is None:
            self._let_go(received)
            self._consumers.settle(received, done=True)
        elif outcome.verdict is Verdict.RETRY and outcome.later is not None:
            await self._keep_order(self._holding, received, outcome.later, outcome.pause_seconds)
        elif self._holding.holds(received):
            await self._holding.done(received)
            self._let_go(received)
        else:
            self._let_go(received)
            self._consumers.settle(received, done=True)

    async def _keep_order(
        self, holding: Holding, received: Received, later: Message, pause_seconds: float
    ) -> None:
        """Try a message again after a pause, before all others of its subject."""
        if holding.holds(received):
            await holding.put_off(received, later, pause_seconds)
            self._let_go(received)
            return
        async with holding.lock:
            lane = self._lanes.lane_of(received)
            if not received.consumer.open:
                self._let_go(received)
            elif pause_seconds <= _PAUSE_IN_HAND and len(lane) <= _LANE_IN_HAND:
                self._in_hand[received.consumer, received.tag].message = later
                self._again(replace(received, message=later), pause_seconds)
            elif lane:
                await holding.hold(lane, later, pause_seconds)
                self._lanes.drop(received)
                for one in lane:
                    self._settle(one)

    def _settle(self, received: Received) -> None:
        """A message of the queue is held in PostgreSQL instead."""
        self._in_hand.pop((received.consumer, received.tag), None)
        self._consumers.settle(received, done=True)

    async def _may_go(self) -> bool:
        """Wait for the circuit and the rate; False when it would take too long, or the worker stops."""
        waits = self._pace.reserve() if self._pace is not None else 0.0
        asked_at = time.monotonic()
        while waits > 0 or (waits := self._circuit.wait_seconds()) > 0:
            left = asked_at + _KEPT_SECONDS - time.monotonic()
            # Kept for as long as may be even if that will not do: given back it comes again at once.
            if await self._stops_within(min(waits, left)) or waits >= left:
                return False
            waits = 0.0
        return True

    async def _hold(self, received: Received, seconds: float) -> None:
        """Neither RabbitMQ nor PostgreSQL would take the outcome: the message stays in its queue."""
        await self._stops_within(seconds)
        if self._subscription.policy.ordered:
            self._line.again(received)
        else:
            self._give_back(received)

    def _give_back(self, received: Received) -> None:
        # An ordered one goes back when the channel closes: alone it would lose its place.
        if self._subscription.policy.ordered and not self._stopped.is_set():
            self._line.again(received)
        elif not self._subscription.policy.ordered:
            self._let_go(received)
            self._consumers.settle(received, done=False)

    def _let_go(self, received: Received) -> None:
        self._line.done(received)
        self._in_hand.pop((received.consumer, received.tag), None)

    def _again(self, received: Received, pause_seconds: float) -> None:
        """Deliver once more after a pause; the later ones of its subject wait for it."""

        def due() -> None:
            self._later.discard(handle)
            self._line.again(received)
            if len(self._runners) < self._subscription.policy.concurrency:
                self._run_one_more()

        handle = asyncio.get_running_loop().call_later(pause_seconds, due)
        self._later.add(handle)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopped.wait()
        except TimeoutError:
            return False


def _prefetch(subscription: Subscription) -> int:
    """How many messages a dispatcher has in hand of it."""
    policy = subscription.policy
    if policy.ordered:
        return _LANES_IN_HAND
    most = _MOST_IN_HAND if policy.rate_per_second is None else max(1, round(policy.rate_per_second * 60))
    return min(_IN_HAND * policy.concurrency, _MOST_IN_HAND, most)
