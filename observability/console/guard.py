"""Checks of every request to the console, and the security headers of its responses."""

import asyncio
from collections.abc import Awaitable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import msgspec
from opentelemetry import trace

from observability.console.sampling import READS
from observability.console.sessions import Session, Sessions
from observability.frameworks import tornado as hop_tornado
from observability.http.problem import Problem

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_OWN_SITES: Final = ("same-origin", "none")
_CLIENT_CLOSED_REQUEST: Final = 499
"""The status of a request that its page did not wait for; nginx' number for it."""


class GuardedHandler(hop_tornado.Handler):
    """Answers requests made to the console's own name by its own pages or by typing an address.

    A Host that is not one of the console's is refused with 421: a foreign name that was made to resolve to
    this machine (DNS rebinding). A request that the page of another site makes is refused with 403, except
    for following a link to a page. There are no CORS headers: other origins read nothing.
    """

    SUPPORTED_METHODS: tuple[str, ...] = ("GET", "HEAD")

    def set_default_headers(self) -> None:
        """The headers of every answer, errors included."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> Awaitable[None] | None:
        """Refuse what comes under another name or from another site."""
        if self.request.headers.get("Host") not in self.settings["hosts"]:
            raise Problem(421, detail="the console does not answer to this Host")
        if not self.is_from_here():
            raise Problem(403, detail="the console does not answer to pages of other sites")
        return super().prepare()

    def is_from_here(self) -> bool:
        """Whether no other site's page made the request (Fetch Metadata; old browsers send none)."""
        headers = self.request.headers
        if headers.get("Sec-Fetch-Site", "none") in _OWN_SITES:
            return True
        followed_link = headers.get("Sec-Fetch-Mode") == "navigate"
        return followed_link and self.request.method == "GET" and not self.request.path.startswith("/api/")

    def has_access_line(self) -> bool:
        """Not for reads that succeed and are not traced: pages that are open repeat them."""
        is_read = self.request.method in READS and self.get_status() < HTTPStatus.BAD_REQUEST
        return not is_read or trace.get_current_span().get_span_context().trace_flags.sampled

    @property
    def sessions(self) -> Sessions:
        """The sessions of operate mode that are open."""
        sessions: Sessions = self.settings["sessions"]
        return sessions

    @property
    def cookie_name(self) -> str:
        """The cookie of a session. Cookies know no ports: the name tells the consoles of a machine apart."""
        name: str = self.settings["cookie_name"]
        return name

    def session(self) -> Session | None:
        """The session of operate mode that the request belongs to."""
        return self.sessions.find(self.get_cookie(self.cookie_name))

    def shows_payloads(self) -> bool:
        """Whether event bodies and personal data may be in the answer: in operate mode, or where the
        configuration says so."""
        return self.settings["show_payloads"] or self.session() is not None

    def finish_json(self, document: Any) -> None:
        """Answer with a JSON document."""
        self.set_header("Content-Type", "application/json")
        self.finish(document if isinstance(document, bytes) else _encode(document))


class AskingHandler(GuardedHandler):
    """Asks a store for as long as the page waits for the answer."""

    _asking: "asyncio.Task[None] | None" = None
    _has_left = False

    async def ask(self, asking: Coroutine[Any, Any, None]) -> None:
        """Run `asking`; when the page leaves, it is cancelled and the request counted with 499."""
        self._asking = asyncio.create_task(asking)
        try:
            await self._asking
        except asyncio.CancelledError:
            if not self._has_left:
                raise
            self.set_status(_CLIENT_CLOSED_REQUEST, "Client Closed Request")

    def on_connection_close(self) -> None:
        """The page has left: stop asking."""
        self._has_left = True
        if self._asking is not None:
            self._asking.cancel()


def _encode(document: Any) -> bytes:
    return msgspec.json.encode(document)
