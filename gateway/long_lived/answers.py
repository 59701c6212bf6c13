"""Policies of a proxied route: which answers begin a long-lived connection, and how long it lives."""

from dataclasses import dataclass

from gateway.long_lived.connections import LongLivedConnections
from gateway.long_lived.event_stream import is_event_stream
from gateway.service_client.policy import LongLivedPolicy
from observability.http.client import Streamed


@dataclass(frozen=True, slots=True)
class LongLivedAnswers:
    """The policies of a route's long-lived connections.

    Attributes:
        websocket: how long WebSockets are; None where the route has none.
        event_stream: how long event streams are; None where an answer is passed on as any other.
    """

    route: str
    connections: LongLivedConnections
    websocket: LongLivedPolicy | None = None
    event_stream: LongLivedPolicy | None = None

    def policy_of(self, answer: Streamed) -> LongLivedPolicy | None:
        """How long a connection with this answer is kept open; None where it is not."""
        if answer.raw is not None:
            return self.websocket
        return self.event_stream if is_event_stream(answer.headers) else None

    def idle_seconds(self, answer: Streamed) -> float | None:
        """How long the answer may pause; None where it is not kept open."""
        policy = self.policy_of(answer)
        return policy.idle_seconds if policy is not None else None
