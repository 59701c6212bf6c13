"""A request as whatever answers it sees it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from tornado.httputil import HTTPHeaders

from observability.http.problem import Problem
from observability.http.server.body_stream import BodyStream
from observability.http.server.response import ResponseWriter


class ReceivedRequest(Protocol):
    """A request that is being answered."""

    @property
    def streams(self) -> bool:
        """Whether the request's body is passed on while it comes."""

    @property
    def answers_half_closed(self) -> bool:
        """Whether a client that sends nothing more (FIN) after a whole request gets its answer all the same.

        TCP does not tell a client that waits for its answer from one that went away: where this is False, it
        is taken to be gone, and the work for it ends.
        """

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Answer; the body is there, or comes.

        Parameters:
            when_admitted: to be called once the request is admitted: its client may wait to
                be asked for it. Not called where the request is refused before that.
        """

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem; the body is not all there, and is not waited for."""

    def gone(self) -> None:
        """The client went away, or the rest of its request was refused."""


Receive = Callable[[ResponseWriter, str, str, HTTPHeaders, str], ReceivedRequest]
"""Receives a request: what sends its answer, method, target, headers, and the client's address."""
