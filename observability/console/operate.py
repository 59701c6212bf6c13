"""Operate mode at /api/operate/session, and what an address asks of a request that changes something."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final

from observability.console import operate_tokens
from observability.console.guard import GuardedHandler
from observability.console.sessions import Session
from observability.console.settings import Settings
from observability.http.problem import Problem

MAX_BODY_BYTES: Final = 16 * 1024
COOKIE_PATH: Final = "/api"
_CHANGING: Final = ("POST", "DELETE")

_logger = logging.getLogger(__name__)


class ChangeHandler(GuardedHandler):
    """Answers POST and DELETE to the console's own pages alone.

    A browser names the page's origin in every such request. One without Origin, or of another origin, is
    refused with 403, however it was made; a body that is no JSON with 415. So no other site's page, nor a
    form, can use the session of a browser (CSRF).
    """

    SUPPORTED_METHODS: tuple[str, ...] = ("GET", "HEAD", "POST", "DELETE")
    max_body_bytes: int = MAX_BODY_BYTES

    def prepare(self) -> Awaitable[None] | None:
        """Refuse what is no request of the console's own page."""
        prepared = super().prepare()
        if self.request.method in _CHANGING:
            self._refuse_foreign()
            if len(self.request.body) > self.max_body_bytes:
                raise Problem(413, detail=f"a body has at most {self.max_body_bytes} bytes")
        return prepared

    def require_session(self) -> Session:
        """The session of operate mode that the request belongs to, or raise Problem 403."""
        session = self.session()
        if session is None:
            detail = "only in operate mode: open the address that `nextphase console --operate` prints"
            raise Problem(403, "Not in operate mode", detail=detail)
        return session

    def _refuse_foreign(self) -> None:
        headers = self.request.headers
        own = f"{self.request.protocol}://{headers['Host']}"
        if (
            headers.get_list("Origin") != [own]
            or headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
        ):
            raise Problem(403, detail="only the console's own pages may ask for this")


class SessionHandler(ChangeHandler):
    """/api/operate/session."""

    def initialize(self, console: Settings) -> None:
        self._console = console

    def get(self) -> None:
        """Whether the browser is in operate mode, and until when."""
        self._show(self.session())

    async def post(self) -> None:
        """Take a one-time token and open a session."""
        token = self.json_body().get("token")
        if not isinstance(token, str):
            raise Problem(
                400, detail="a token is needed", errors=[{"pointer": "#/token", "detail": "a text"}]
            )
        folder = self._console.operate_folder
        grant = await asyncio.to_thread(operate_tokens.claim, folder, token) if folder else None
        if grant is None:
            _logger.warning("Operate token refused")
            detail = "it is unknown, has expired or was used; `nextphase console --operate` gives another"
            raise Problem(403, "Token refused", detail=detail)
        secret, session = self.sessions.open(grant)
        self.set_cookie(
            self.cookie_name,
            secret,
            path=COOKIE_PATH,
            httponly=True,
            samesite="Strict",
            max_age=grant.session_seconds,
        )
        fields = session.fields() | {"lifetime_ms": grant.session_seconds * 1000}
        _logger.info("Operate session opened", extra=fields)
        self._show(session)

    def delete(self) -> None:
        """Leave operate mode."""
        if session := self.sessions.end(self.get_cookie(self.cookie_name)):
            _logger.info("Operate session ended", extra=session.fields())
        self.clear_cookie(self.cookie_name, path=COOKIE_PATH, samesite="Strict", httponly=True)
        self._show(None)

    def _show(self, session: Session | None) -> None:
        document: dict[str, Any] = {
            "open": session is not None,
            "available": self._console.operate_folder is not None,
        }
        if session is not None:
            document |= {"id": session.id, "user": session.user, "expires_at": session.expires_at}
        self.finish_json(document)
