"""Limits of a client: of its connections, and of the answers that it takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a client.

    Args:
        connections_per_origin: open at once, busy or idle.
        waiting_per_origin: callers that wait for one of them.
        head_bytes: of an answer, interim answers and trailers included.
        body_bytes: of an answer that is held in memory.
        cut: whether an answer with a longer body is given with the start of it, and the connection closed,
            instead of TooLarge.
        idle_seconds: how long an unused connection is kept; less than the servers keep it.
        connect_seconds: to open a connection to one address, the TLS handshake included.
    """

    connections_per_origin: int = 256
    waiting_per_origin: int = 1024
    head_bytes: int = 32 * 1024
    body_bytes: int = 4 * 1024 * 1024
    cut: bool = False
    idle_seconds: float = 30.0
    connect_seconds: float = 2.0
