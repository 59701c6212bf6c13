"""The hooks around an attempt. Observers do not wait, and decide nothing about the event."""

from broker.rio.delivery.attempt import DeliveryAttempt


class Observer:
    """Sees every attempt; a subclass overrides the hooks that it needs.

    An error that a hook raises is an unexpected failure of the attempt.
    """

    def before_attempt(self, attempt: DeliveryAttempt) -> None:
        """The event is posted next."""

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        """The answer is known and judged, the outcome not stored. Called anew if that fails unexpectedly."""

    def after_outcome(self, attempt: DeliveryAttempt) -> None:
        """Called once the outcome of the attempt is stored."""

    def end_attempt(self, attempt: DeliveryAttempt, error: BaseException | None) -> None:
        """Called last, in any case. `error`: why the outcome could not be stored."""
