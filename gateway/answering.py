"""One request and its answer, with telemetry whatever happens, on whatever connection it came."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError

from gateway import baggage
from gateway.backend import UpstreamError
from gateway.backend.deadline import Deadline
from gateway.config.route import Route
from gateway.http.body_stream import BodyLost, Channel
from gateway.messages import Headers, Reply, Request, UnsendableHeaders
from observability import http_date
from observability.exchange import TRACE_HEADER, Exchange, problem_of
from observability.metrics import known_method
from observability.problem import Problem
from observability.text import hex_trace_id
from observability.tracing import context_of

if TYPE_CHECKING:
    from gateway.pipeline import Gateway

#: The answer to somebody who is not there any more; only telemetry sees it.
CLIENT_GONE = 499


class Wire(Protocol):
    """Where an answer goes: whole by `send`, or by `start`, any number of `write` and `end`.

    `send` and `start` raise UnsendableHeaders before anything is sent.
    """

    def send(self, status: int, headers: Headers, body: bytes) -> None: ...

    async def start(self, status: int, headers: Headers) -> None: ...

    async def write(self, piece: bytes) -> None: ...

    def end(self) -> None: ...

    def answered(self) -> None:
        """All of the answer was given: on to the next request."""

    def cut(self) -> None:
        """Close at once."""


class Answering:
    """A request that is being answered.

    Parameters:
        remote: the address at the other end of the connection.
    """

    __slots__ = (
        "_context",
        "_exchange",
        "_gateway",
        "_gone",
        "_raw",
        "_refusal",
        "_request",
        "_route",
        "_span",
        "_task",
        "_template",
        "_trace_id",
        "_wire",
    )

    def __init__(
        self, gateway: "Gateway", wire: Wire, method: str, target: str, headers: HTTPHeaders, remote: str
    ) -> None:
        self._gateway = gateway
        self._wire = wire
        self._route: Route | None = None
        self._raw: list[str] = []
        self._refusal: Problem | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        path, _, query = target.partition("?")
        try:
            if method != "OPTIONS":
                self._route, self._raw = gateway.table.find(method, path)
        except Problem as problem:
            self._refusal = problem
        deadline = Deadline.after(self._route.deadline_seconds if self._route is not None else 0.0)
        self._request = Request(method, path, query, headers, remote, deadline)
        self._open()

    def _open(self) -> None:
        """Begin the request's span and exchange."""
        request, gateway = self._request, self._gateway
        headers = request.headers
        carried = _carried(headers)
        template = self._template = gateway.spans(known_method(request.method), self._route)
        agent = headers.get("User-Agent") or None
        values = (request.path, request.remote_address, request.query or None, agent)
        self._span = template.start(trace.get_current_span(carried).get_span_context(), values)
        own = self._span.get_span_context()
        self._trace_id = hex_trace_id(own.trace_id)
        self._context = trace.set_span_in_context(self._span, carried)
        self._exchange = Exchange(gateway.hop, request.method, request.path, None, own)
        gateway.entered(self._route)

    @property
    def streams(self) -> bool:
        """Whether the request's body is passed on while it comes."""
        return self._route is not None and self._route.streams

    def begin(
        self,
        body: "bytes | Channel | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Answer; the body is there, or comes.

        Parameters:
            when_admitted: called once the caller is let in; not where the request is refused before that.
        """
        request = self._request
        if isinstance(body, bytes):
            request.body = body
        elif isinstance(body, Channel):
            request.stream = body.pieces()
        else:
            request.arriving = body
        request.when_admitted = when_admitted
        self._task = self._gateway.loop.create_task(self._run())

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem; the body is not all there, and is not waited for."""
        self._refusal = problem
        self.begin()

    def gone(self) -> None:
        """The caller is gone: whatever is done for it ends."""
        self._gone = True
        if self._task is None:
            self.begin()
        else:
            # Not at once: a task that is cancelled before it began would not even end the request's span.
            self._gateway.loop.call_soon(self._task.cancel)

    async def _run(self) -> None:
        """Answer. The context ends with the task: nothing is detached."""
        context.attach(self._context)
        status = CLIENT_GONE
        try:
            reply = await self._reply()
            status = reply.status
            status = await self._write(reply)
        except (asyncio.CancelledError, StreamClosedError):
            status = CLIENT_GONE
            self._wire.cut()  # whoever is still there, though this was cancelled, would wait for ever
        except BodyLost as error:  # the head is out, and what was to be answered came only in part
            status = _incomplete(error).status
            self._wire.cut()
        except UpstreamError as error:  # the service broke off: the caller is to see that, too
            status = error.status
            self._span.add_event("gateway.broken_off", {"gateway.cause": error.cause})
            self._wire.cut()
        except Exception as error:  # the head is out: all that can be done is to cut the answer short
            status = problem_of(error).status
            self._wire.cut()
        finally:
            self._end(status)

    async def _reply(self) -> Reply:
        try:
            if self._gone:
                raise asyncio.CancelledError
            if self._request.method == "OPTIONS" and self._refusal is None:
                return self._gateway.options(self._request)
            if self._refusal is not None or self._route is None or self._task is None:
                raise self._refusal or Problem(404)
            return await self._gateway.answer(self._request, self._route, self._raw, self._task)
        except BodyLost as error:
            return self._problem(_incomplete(error))
        except Exception as error:
            return self._problem(problem_of(error))

    def _problem(self, problem: Problem) -> Reply:
        """A problem as an answer."""
        headers: Headers = [("Content-Type", Problem.MEDIA_TYPE), *problem.headers.items()]
        return Reply(problem.status, headers, problem.encode(self._trace_id))

    async def _write(self, reply: Reply) -> int:
        """Send an answer; the status that was sent: 500 where a header of the answer cannot be sent."""
        try:
            await self._send(reply)
        except UnsendableHeaders as error:  # nothing of it was
            reply = self._problem(problem_of(error))
            await self._send(reply)
        self._wire.answered()
        return reply.status

    async def _send(self, reply: Reply) -> None:
        caller = self._request.caller = self._request.caller or self._gateway.door.greet(self._request)
        headers = reply.headers
        own = {name for name, _ in headers}
        headers = [*headers, *(each for each in caller.answer if each[0] == "Vary" or each[0] not in own)]
        headers += (TRACE_HEADER, self._trace_id), ("Date", http_date.now())
        body, wire = reply.body, self._wire
        if isinstance(body, bytes):
            wire.send(reply.status, headers, body)
        else:
            try:
                await wire.start(reply.status, headers)
                async for piece in body:
                    if piece:
                        await wire.write(piece)
            finally:
                await body.aclose()  # type: ignore[attr-defined]
            wire.end()

    def _end(self, status: int) -> None:
        span, template = self._span, self._template
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        route = self._route.template.text if self._route is not None else ""
        caller = self._request.caller
        if caller is None:
            self._exchange.finish(status, route)
        else:
            self._exchange.finish(
                status, route, request_id=caller.request_id, client=caller.address, user=caller.subject
            )
        template.end(span, status)
        self._gateway.left(self._route)


def _incomplete(error: BodyLost) -> Problem:
    """408: a body that is passed on, and did not come."""
    return Problem(408, detail=f"The body is incomplete: {error}.")


def _carried(headers: HTTPHeaders) -> Context:
    """What the caller's headers say of the trace and its baggage; most bring none of the latter."""
    if "Traceparent" in headers:
        carried = context_of(headers.get("Traceparent"), headers.get("Tracestate"))
    else:
        carried = Context()
    return baggage.keep(headers, carried) if "Baggage" in headers else carried
