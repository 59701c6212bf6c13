"""Who asks, as far as the door found out."""

from dataclasses import dataclass, field

#: What services are told of a verified caller. Clients cannot set them: see `gateway.middleware.identity`.
USER_HEADER = "X-User-Id"
SCOPES_HEADER = "X-User-Scopes"


@dataclass(slots=True)
class Caller:
    """A caller that was let in.

    Attributes:
        address: of the client, as the edge saw it.
        subject: of the verified token; None without one.
        scopes: what the token allows.
        identity: headers that tell services who it is; empty for a caller without a token.
        answer: headers that the answer gets, whatever it is: request id, rate limits, CORS.
    """

    address: str
    request_id: str
    subject: str | None = None
    scopes: frozenset[str] = frozenset()
    identity: tuple[tuple[str, str], ...] = ()
    answer: list[tuple[str, str]] = field(default_factory=list)
