"""Sessions of operate mode, held in memory: they end with the process."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from observability.console.operate_tokens import Grant

MAX_SESSIONS: Final = 16
"""The oldest ends where one more is opened."""
_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 4


@dataclass(frozen=True)
class Session:
    """The permission of one browser to act, until it expires.

    Attributes:
        id: what the log calls it; no secret.
        user: the operating system's user who asked for operate mode.
        opened_at, expires_at: seconds since the epoch.
    """

    id: str
    user: str
    opened_at: float
    expires_at: float

    def fields(self) -> dict[str, Any]:
        """The session in log lines."""
        return {
            "operator": self.user,
            "session": self.id,
            "session_opened_at": datetime.fromtimestamp(self.opened_at, UTC).isoformat(timespec="seconds"),
        }


class Sessions:
    """The sessions that are open, by a secret that only the browser's cookie holds."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def open(self, grant: Grant) -> tuple[str, Session]:
        """Open a session; its secret, and the session."""
        self._end_expired()
        while len(self._open) >= MAX_SESSIONS:
            del self._open[next(iter(self._open))]
        now = time.time()
        session = Session(secrets.token_hex(_ID_BYTES), grant.user, now, now + grant.session_seconds)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._open[_key(secret)] = session
        return secret, session

    def find(self, secret: str | None) -> Session | None:
        """The open session of a secret."""
        self._end_expired()
        return self._open.get(_key(secret)) if secret else None

    def end(self, secret: str | None) -> Session | None:
        """End the session of a secret; the session that has ended."""
        return self._open.pop(_key(secret), None) if secret else None

    def _end_expired(self) -> None:
        now = time.time()
        for key in [key for key, session in self._open.items() if session.expires_at <= now]:
            del self._open[key]


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
