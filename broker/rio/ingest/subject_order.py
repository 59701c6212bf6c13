"""The order of events of one subject, for a sender that asked for it."""

from broker.rio.model.event import Event


class SubjectOrder:
    """Knows the subjects of an ordered batch of which an event was not accepted: later events of these
    subjects are held back. Of any other request nothing is held back.
    """

    def __init__(self, is_ordered: bool) -> None:
        self._is_ordered = is_ordered
        self._stopped: set[str | None] = set()
        self._all_stopped = False

    def stop(self, event: Event) -> None:
        """Hold back the later events of an event's subject."""
        if self._is_ordered:
            self._stopped.add(event.subject)

    def stop_all(self) -> None:
        """Hold back all later events: an element that is no event may have been meant for any subject."""
        self._all_stopped = self._is_ordered

    def holds_back(self, event: Event) -> bool:
        """Whether an event is held back."""
        return self._all_stopped or (bool(self._stopped) and event.subject in self._stopped)
