"""Limits of a server's clients: sizes of their messages, and times that they may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server; sizes are in bytes, times in seconds.

    Attributes:
        head_bytes: of a request's head.
        headers: lines of headers in a head.
        header_bytes: of one header, its lines taken together.
        name_bytes: of a header's name. Names are remembered in the way they are written.
        target_bytes: of a request's target.
        absolute_targets: whether a target may be in absolute form, `http://host/path` (RFC 9112, section
            3.2.2); it is then received as `/path`, with that host in its Host header.
        body_bytes: of a body that is read whole before it is used; what is passed on while it comes may have
            any size.
        idle_seconds: for the next head of a connection to begin ...
        head_seconds: ... and, once its first bytes have come, to be complete; together not more than
            `idle_seconds`.
        body_seconds: for a body that is read whole.
        stream_idle_seconds: for the next piece of a body that is passed on ...
        stream_seconds: ... and for all of it.
        stall_seconds: for a client to take something of its answer.
        linger_seconds: for a client to read why it was refused. Closing at once would reset the connection,
            and the client might never see the answer. As long have connections to send a request, or to take
            its answer, when the server stops.
        linger_bytes: that a refused client may go on sending meanwhile.
    """

    head_bytes: int = 52 * 1024
    headers: int = 100
    header_bytes: int = 16_000
    name_bytes: int = 100
    target_bytes: int = 8192
    absolute_targets: bool = False
    body_bytes: int = 1024 * 1024
    idle_seconds: float = 75.0
    head_seconds: float = 75.0
    body_seconds: float = 15.0
    stream_idle_seconds: float = 30.0
    stream_seconds: float = 3600.0
    stall_seconds: float = 60.0
    linger_seconds: float = 1.0
    linger_bytes: int = 256 * 1024
