"""In which order a subscription's messages in hand are delivered."""

from collections import deque
from typing import Protocol

from broker.rio.amqp.consumers import Received


class Line(Protocol):
    """Messages in hand: waiting to be taken, or taken and not done yet."""

    def put(self, received: Received) -> None:
        """Line up a message."""

    def take(self) -> Received | None:
        """The next to be delivered, or None when none may be at present."""

    def done(self, received: Received) -> None:
        """A taken message is settled."""

    def again(self, received: Received) -> None:
        """A taken message has to be delivered once more, now, before all that depends on it."""

    def clear(self) -> None:
        """Let go of whatever waits."""


class Unordered:
    """First come, first served."""

    def __init__(self) -> None:
        self._waiting: deque[Received] = deque()

    def put(self, received: Received) -> None:
        self._waiting.append(received)

    def take(self) -> Received | None:
        return self._waiting.popleft() if self._waiting else None

    def done(self, received: Received) -> None:
        pass

    def again(self, received: Received) -> None:
        self._waiting.appendleft(received)

    def clear(self) -> None:
        self._waiting.clear()


class BySubject:
    """One after another within each subject (CloudEvents' `subject`; events without one are one subject)."""

    def __init__(self) -> None:
        self._lanes: dict[str | None, deque[Received]] = {}
        """The first of a lane is the one taken, if one is."""
        self._ready: deque[str | None] = deque()
        """Subjects none of whose messages is taken, longest waiting first."""

    def put(self, received: Received) -> None:
        subject = received.message.event.subject
        lane = self._lanes.get(subject)
        if lane is None:
            self._lanes[subject] = deque([received])
            self._ready.append(subject)
        else:
            lane.append(received)

    def take(self) -> Received | None:
        return self._lanes[self._ready.popleft()][0] if self._ready else None

    def done(self, received: Received) -> None:
        subject = received.message.event.subject
        lane = self._lanes.get(subject)
        if lane is None:
            return  # cleared meanwhile
        lane.popleft()
        if lane:
            self._ready.append(subject)
        else:
            del self._lanes[subject]

    def again(self, received: Received) -> None:
        subject = received.message.event.subject
        lane = self._lanes.get(subject)
        if lane is not None:
            lane[0] = received
            self._ready.append(subject)

    def lane_of(self, received: Received) -> list[Received]:
        """A taken message and all that wait for it, in order."""
        return list(self._lanes.get(received.message.event.subject, ()))

    def drop(self, received: Received) -> None:
        """Let go of a taken message and all that wait for it."""
        self._lanes.pop(received.message.event.subject, None)

    def clear(self) -> None:
        self._lanes.clear()
        self._ready.clear()
