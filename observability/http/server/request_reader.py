"""How the requests of a connection are read: each is handed on as soon as its head is there."""

from contextvars import copy_context
from typing import Protocol

from observability.http.problem import Problem
from observability.http.server.body_stream import BodyStream
from observability.http.server.client_connection import ClientConnection
from observability.http.server.parser import Head, RequestParser
from observability.http.server.problems import too_large, too_slow
from observability.http.server.received_request import Receive, ReceivedRequest
from observability.http.server.response import ResponseWriter
from observability.http.server.timer import Timer
from observability.http.server.whole_body import WholeBody


class ReadConnection(ClientConnection, Protocol):
    """A client's connection, as what reads its requests sees it."""

    remote: str
    timer: Timer

    def refuse(self, problem: Problem, head: bytes = b"") -> None:
        """Answer what is no request, and close."""

    def hold(self) -> None:
        """Read nothing for now."""

    def resume(self) -> None:
        """Read again."""


class RequestReader:
    """Reads one request after the other; nothing of the next one while one is answered.

    Attributes:
        received: what has come and was not read.
        parser: says whether all of the last request was read.
        request: the one that is being answered.
    """

    def __init__(self, connection: ReadConnection, receive: Receive) -> None:
        self.received = b""
        self.request: ReceivedRequest | None = None
        self._connection = connection
        self._receive = receive
        self._limits = connection.limits
        self._context = copy_context()
        self.parser = RequestParser(connection.limits)
        self._writer: ResponseWriter | None = None
        self._stream: BodyStream | None = None  # the body, if it is passed on ...
        self._body: WholeBody | None = None  # ... or if it is read whole

    @property
    def answers_half_closed(self) -> bool:
        """Whether there is a request that is answered though its client sends nothing more."""
        request = self.request
        return request is not None and self.parser.complete and request.answers_half_closed

    def advance(self) -> None:
        """Go on with what has come."""
        if self.request is None:
            # Where the former request ends here, its context is the current one: its span would be the parent
            # of the new request's.
            self._context.copy().run(self._begin)
        elif self._stream is not None:
            self._feed(self._stream)
        elif self._body is not None:
            self._collect(self._body)

    def finish(self) -> None:
        """The request was answered; its body is not used any more."""
        self.request = self._writer = self._stream = self._body = None

    def forsake(self) -> None:
        """Leave the request that is being answered: its caller is gone."""
        writer, stream, request = self._writer, self._stream, self.request
        self.finish()
        if writer is not None:
            writer.abandon()
        if stream is not None:
            stream.lose()
        if request is not None:
            request.gone()

    def refuse(self, problem: Problem) -> None:
        """Refuse the rest of the request that is being answered; cut off an answer that has begun."""
        writer = self._writer
        self.forsake()
        if writer is not None and writer.has_begun:
            self._connection.cut()
        else:
            self._connection.refuse(problem)

    def refuse_slow(self) -> bool:
        """Refuse a body that is read whole and did not come in time; False where none is waited for."""
        if self._body is None:
            return False
        self._decline(too_slow(self._limits))
        return True

    def _begin(self) -> None:
        """Begin with the next request, if its head is there."""
        connection = self._connection
        try:
            found = self.parser.read_head(self.received)
        except Problem as problem:
            connection.refuse(problem, self.received)
            return
        if found is None:
            connection.timer.shorten(self._limits.head_seconds)
            return
        head, self.received = found
        writer = self._writer = ResponseWriter(connection, head)
        request = self.request = self._receive(
            writer, head.method, head.target, head.fields, connection.remote
        )
        connection.timer.stop()
        if self.parser.complete:
            request.begin(b"")
        else:
            self._begin_body(head, request, writer)

    def _begin_body(self, head: Head, request: ReceivedRequest, writer: ResponseWriter) -> None:
        admit = writer.write_continue if head.expects_continue else None
        if request.streams:
            self._stream = BodyStream(self._limits.stream_idle_seconds, self._limits.stream_seconds)
            request.begin(self._stream, admit)
            self._feed(self._stream)
        elif head.length is not None and head.length > self._limits.body_bytes:
            self._decline(too_large(self._limits))
        elif (piece := self._piece()) is not None:
            if self.parser.complete and len(piece) <= self._limits.body_bytes:
                request.begin(piece)
                return
            # Begun before all of the body is there: a client that is refused need not send it.
            self._body = WholeBody(self._connection.loop, self._limits)
            self._connection.timer.start(self._limits.body_seconds)
            request.begin(self._body.arriving, admit)
            self._add(self._body, piece)

    def _collect(self, body: WholeBody) -> None:
        if (piece := self._piece()) is not None:
            self._add(body, piece)

    def _add(self, body: WholeBody, piece: bytes) -> None:
        """Gather a piece of a body that is read whole."""
        try:
            body.add(piece)
        except Problem as problem:
            self._decline(problem)
            return
        if self.parser.complete:
            self._body = None
            self._connection.timer.stop()
            body.end()
        else:
            self._connection.resume()

    def _decline(self, problem: Problem) -> None:
        """Have the request answered without its body, of which nothing more is read until then."""
        self._connection.timer.stop()
        self._connection.hold()
        body, self._body = self._body, None
        if body is not None:
            body.fail(problem)
        elif self.request is not None:
            self.request.refuse(problem)

    def _feed(self, stream: BodyStream) -> None:
        """Pass on what has come of a body."""
        piece = self._piece()
        if piece is None:
            return
        if piece:
            self._connection.hold()
            stream.put(piece).add_done_callback(lambda _: self._fed(stream))
        else:
            self._connection.resume()
        if self.parser.complete:
            stream.end()

    def _fed(self, stream: BodyStream) -> None:
        if self._stream is stream:
            self._connection.resume()
            if self.received and not self.parser.complete:
                self._feed(stream)

    def _piece(self) -> bytes | None:
        """Parse the received bytes of the body; None if they were refused."""
        try:
            piece, self.received = self.parser.read_body(self.received)
        except Problem as problem:
            self.refuse(problem)
            return None
        return piece
