"""The order of an ordered subscription's messages: one after another within each subject."""

from collections import deque

from broker.rio.amqp.consumer import ReceivedMessage


class SubjectLanes:
    """A lane for each subject (CloudEvents' `subject`; events without one are one subject)."""

    def __init__(self) -> None:
        self._lanes: dict[str | None, deque[ReceivedMessage]] = {}
        """The first message of a lane is the one that is taken, if one is."""
        self._ready: deque[str | None] = deque()
        """Subjects with no message taken, longest waiting first."""

    def put(self, received: ReceivedMessage) -> None:
        """Put a message at the end of its lane."""
        subject = received.message.event.subject
        lane = self._lanes.get(subject)
        if lane is None:
            self._lanes[subject] = deque([received])
            self._ready.append(subject)
        else:
            lane.append(received)

    def take(self) -> ReceivedMessage | None:
        """The first message of the subject that has waited longest; None while every first one is taken."""
        return self._lanes[self._ready.popleft()][0] if self._ready else None

    def done(self, received: ReceivedMessage) -> None:
        """Remove a taken message; the next of its subject may be taken."""
        subject = received.message.event.subject
        lane = self._lanes.get(subject)
        if lane is None:
            return  # cleared meanwhile
        lane.popleft()
        if lane:
            self._ready.append(subject)
        else:
            del self._lanes[subject]

    def again(self, received: ReceivedMessage) -> None:
        """Have a taken message taken once more, before the others of its subject."""
        subject = received.message.event.subject
        lane = self._lanes.get(subject)
        if lane is not None:
            lane[0] = received
            self._ready.append(subject)

    def lane_of(self, received: ReceivedMessage) -> list[ReceivedMessage]:
        """A taken message and those behind it, in order."""
        return list(self._lanes.get(received.message.event.subject, ()))

    def drop(self, received: ReceivedMessage) -> None:
        """Remove a taken message and those behind it."""
        self._lanes.pop(received.message.event.subject, None)

    def clear(self) -> None:
        """Remove every message."""
        self._lanes.clear()
        self._ready.clear()
