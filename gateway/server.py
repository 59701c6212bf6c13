"""The public API over HTTP/1.1: from a connection's messages to a route's answer and back.

Tornado reads and writes the messages; its `Application` and `RequestHandler` are left out, because finding a
route and answering costs less without them.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable
from email.utils import formatdate
from functools import partial
from http.client import responses as PHRASES
from typing import Any, cast

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError

from gateway.channel import BodyLost, Channel
from gateway.door import Door
from gateway.door.plain import Head
from gateway.door.wire import Messages, Plain
from gateway.request import Headers, Reply, Request
from gateway.resilience.deadline import Bound, Deadline
from gateway.routes.route import Route
from gateway.routes.table import Table
from gateway.upstream import UpstreamError
from gateway.validation import Check, body_check, read_body, read_parameters
from observability import Hop
from observability.exchange import TRACE_HEADER, Exchange, problem_of
from observability.lean import Template
from observability.metrics import known_method
from observability.problem import Problem
from observability.tracing import context_of

#: The edge lets bodies of this size through too; the gateway does not rely on it.
MAX_BODY_BYTES = 1024 * 1024
#: How long the next piece of a body that is passed on may take.
BODY_IDLE_SECONDS = 30.0
#: A body that is passed on may take this long in all.
STREAM_SECONDS = 3600.0
MAX_TARGET = 8192
#: The answer to somebody who is not there any more; only telemetry sees it.
CLIENT_GONE = 499

_SPAN_VARIABLES = ("url.path", "client.address", "url.query", "user_agent.original")

_logger = logging.getLogger(__name__)


class Gateway(Messages):
    """Answers the public API by the routing table, which can be replaced while requests are under way.

    Attributes:
        table: what new requests are answered by.
    """

    def __init__(self, hop: Hop, door: Door, table: Table) -> None:
        self.hop = hop
        self.door = door
        self.loop = asyncio.get_running_loop()
        self._under_way = 0
        self._by_route: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()
        self.use(table)

    def use(self, table: Table) -> None:
        """Answer by another table from the next request on; those under way keep theirs."""
        schemas = table.document.get("schemas", {})
        checks: dict[str, Check] = {
            route.id: body_check(route.body, schemas) for route in table.routes if route.body is not None
        }
        self.table, self._checks = table, checks
        self._spans: dict[tuple[str, str | None], Template] = {}
        in_flight = self.door.metrics.requests
        in_flight.clear()
        for route in table.routes:
            in_flight.labels(route.id).set_function(partial(self._by_route.__getitem__, route.id))

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _Message(self, cast(HTTP1Connection, request_conn))

    async def answer_plain(self, head: Head, connection: Plain) -> None:
        """Answer a request without a body, in the task of its connection."""
        message = _Message(self, connection)
        message.headers_received(RequestStartLine(head.method, head.target, "HTTP/1.1"), head.fields)
        await message.answer(connection.task)

    def spans(self, method: str, route: Route | None) -> Template:
        """What the server spans of a route and a method have in common.

        Parameters:
            method: one that is known, or `_OTHER`.
        """
        path = route.template.text if route is not None else None
        template = self._spans.get((method, path))
        if template is None:
            name = "HTTP" if method == "_OTHER" else method
            constants = {"http.request.method": method, "url.scheme": "http"}
            if path is not None:
                name, constants["http.route"] = f"{name} {path}", path
            template = Template(self.hop.tracer, name, SpanKind.SERVER, constants, _SPAN_VARIABLES)
            self._spans[method, path] = template
        return template

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait until no request is under way; False when `timeout_seconds` were not enough."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def entered(self, route: Route | None) -> None:
        self._under_way += 1
        if route is not None:
            self._by_route[route.id] += 1
        self._idle.clear()

    def left(self, route: Route | None) -> None:
        self._under_way -= 1
        if route is not None:
            self._by_route[route.id] -= 1
        if not self._under_way:
            self._idle.set()

    async def answer(
        self, request: Request, route: Route, raw: list[str], task: "asyncio.Task[None]"
    ) -> Reply:
        """Let a request in, hold it against its declaration, and do what its route does.

        Parameters:
            raw: values of the path's parameters as sent.
            task: whose this is.

        Raises:
            Problem: it is refused, or has no answer.
        """
        try:
            with Bound(request.deadline, task, self.loop):
                request.caller = await self.door.admit(request, route)
                request.parameters = read_parameters(route.parameters, raw, self._query(request, route))
                if route.body is not None:
                    request.document = read_body(request)
                    self._checks[route.id](request.document)
                return await route.action.answer(request)
        except TimeoutError as error:
            raise Problem(504, detail="The answer was not there in time.") from error

    def options(self, request: Request) -> Reply:
        """What a path can be asked, and a browser's scripts from elsewhere may ask it.

        Raises:
            Problem: 404 where there is no such path.
        """
        allow = self.table.methods(request.path)
        preflight = self.door.cors.preflight(request.headers, allow.split(", "))
        return Reply(204, [("Allow", allow), *(preflight or ())])

    @staticmethod
    def _query(request: Request, route: Route) -> str:
        """What of the query is the gateway's to check; a proxied route leaves it to the service."""
        passes = route.kind == "proxy" and route.declared["proxy"].get("pass_query", True)
        declares = any(parameter.place == "query" for parameter in route.parameters.values())
        return "" if passes and not declares else request.query


class _Message(HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(self, gateway: Gateway, connection: HTTP1Connection | Plain) -> None:
        self._gateway = gateway
        self._connection = connection
        self._pieces: list[bytes] = []
        self._size = 0
        self._channel: Channel | None = None
        self._route: Route | None = None
        self._raw: list[str] = []
        self._refusal: Problem | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone = False

    # --- reading

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._line = cast(RequestStartLine, start_line)
        method, target, _ = self._line
        path, _, query = target.partition("?")
        remote = getattr(self._connection.context, "remote_ip", "") or ""
        try:
            if len(target) > MAX_TARGET:
                raise Problem(414)
            if method != "OPTIONS":
                self._route, self._raw = self._gateway.table.find(method, path)
        except Problem as problem:
            self._refusal = problem
        deadline = Deadline.after(self._route.deadline_seconds if self._route is not None else 0.0)
        self._request = Request(method, path, query, headers, remote, deadline)
        self._begin()
        self._accept_body(headers)
        return None

    def _begin(self) -> None:
        """Open the request's span and exchange."""
        request, route = self._request, self._route
        headers = request.headers
        carried = _carried(headers)
        template = self._gateway.spans(known_method(request.method), route)
        values = (
            request.path,
            request.remote_address,
            request.query or None,
            headers.get("User-Agent") or None,
        )
        self._span = template.start(trace.get_current_span(carried).get_span_context(), values)
        self._trace_id = self._span.get_span_context().trace_id
        self._context = trace.set_span_in_context(self._span, carried)
        self._exchange = Exchange(self._gateway.hop, request.method, request.path, None)
        self._gateway.entered(route)

    def _accept_body(self, headers: HTTPHeaders) -> None:
        route = self._route
        if route is not None and route.streams:
            if "Content-Length" in headers or "Transfer-Encoding" in headers:
                self._channel = Channel(BODY_IDLE_SECONDS)
                self._request.stream = self._channel.pieces()
                cast(HTTP1Connection, self._connection).set_body_timeout(STREAM_SECONDS)
                self._start()
            return
        length = headers.get("Content-Length", "")
        if length.isdecimal() and (len(length) > 15 or int(length) > MAX_BODY_BYTES):
            self._refuse_body()

    def _refuse_body(self) -> None:
        self._refusal = Problem(413, "Body too large", detail=f"A body has at most {MAX_BODY_BYTES} bytes.")
        self._pieces.clear()
        self._start()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._channel is not None:
            return self._channel.put(chunk)
        if self._task is None:
            self._size += len(chunk)
            self._pieces.append(chunk)
            if self._size > MAX_BODY_BYTES:
                self._refuse_body()
        return None

    def finish(self) -> None:
        if self._channel is not None:
            self._channel.end()
        elif self._task is None:
            self._request.body = b"".join(self._pieces)
            self._start()
        self._connection.set_close_callback(self.on_connection_close)

    def on_connection_close(self) -> None:
        """The caller is gone: whatever is done for it ends."""
        self._gone = True
        if self._channel is not None:
            self._channel.lose()
        if self._task is None:
            self._start()
        else:
            self._task.cancel()

    # --- answering

    async def answer(self, task: "asyncio.Task[None]") -> None:
        """Answer a request that is there, in the task of the caller."""
        self._task = task
        self._connection.set_close_callback(self.on_connection_close)
        await self._run()
        self._connection.set_close_callback(None)

    def _start(self) -> None:
        self._task = self._gateway.loop.create_task(self._run())

    async def _run(self) -> None:
        """Answer, with telemetry whatever happens. The context ends with the task: nothing is detached."""
        context.attach(self._context)
        status = CLIENT_GONE
        try:
            reply = await self._reply()
            status = reply.status
            await self._write(reply)
        except (asyncio.CancelledError, StreamClosedError):
            status = CLIENT_GONE
        except UpstreamError as error:  # the service broke off: the caller is to see that, too
            status = error.status
            self._span.add_event("gateway.broken_off", {"gateway.cause": error.cause})
            self._connection.close()
        except Exception as error:  # the head is out: all that can be done is to cut the answer short
            status = problem_of(error).status
            self._connection.close()
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
            return _problem(Problem(408, detail=f"The body is incomplete: {error}."))
        except Exception as error:
            return _problem(problem_of(error))

    async def _write(self, reply: Reply) -> None:
        caller = self._request.caller = self._request.caller or self._gateway.door.greet(self._request)
        headers = reply.headers
        own = {name for name, _ in headers}
        headers = [*headers, *(each for each in caller.answer if each[0] == "Vary" or each[0] not in own)]
        headers += (TRACE_HEADER, trace.format_trace_id(self._trace_id)), ("Date", _now())
        body, connection = reply.body, self._connection
        if not isinstance(body, bytes):
            if isinstance(connection, Plain):
                connection = connection.whole(self._line, self._request.headers)
            await self._stream(connection, reply.status, headers, body)
        elif isinstance(connection, Plain):
            if connection.closes:
                headers.append(("Connection", "close"))
            connection.write_whole(_whole(reply.status, headers, body, self._line.method == "HEAD"))
        else:
            fields = _fields(headers)
            if reply.status not in (204, 304):
                fields["Content-Length"] = str(len(body))
            is_head = self._request.method == "HEAD"
            connection.write_headers(_status(reply.status), fields, None if is_head else body or None)
        if isinstance(connection, HTTP1Connection):
            if self._channel is not None:
                self._channel.drop()
            connection.finish()

    async def _stream(self, connection: HTTP1Connection, status: int, given: Headers, body: Any) -> None:
        """Write a body piece by piece, each when the one before it has left."""
        headers = _fields(given)
        if self._line.version == "HTTP/1.0" and "Content-Length" not in headers:
            headers["Connection"] = "close"  # its end is the connection's
        try:
            await connection.write_headers(_status(status), headers)
            async for piece in body:
                if self._line.method != "HEAD" and piece:
                    await connection.write(piece)
        finally:
            await body.aclose()
        if headers.get("Connection") == "close":
            connection.no_keep_alive = connection._disconnect_on_finish = True

    def _access_fields(self) -> dict[str, str]:
        """Who asked, for the access line."""
        caller = self._request.caller
        if caller is None:
            return {}
        known = {"request_id": caller.request_id, "client": caller.address}
        return known | {"user": caller.subject} if caller.subject else known

    def _end(self, status: int) -> None:
        span = self._span
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        route = self._route.template.text if self._route is not None else ""
        self._exchange.finish(status, route, self._access_fields())
        span.end()
        self._gateway.left(self._route)


def _carried(headers: HTTPHeaders) -> Context:
    """What the caller's headers say of the trace and its baggage; most bring none of the latter."""
    if "Baggage" in headers:
        return propagate.extract(headers, Context())
    if "Traceparent" not in headers:
        return Context()
    return context_of(headers.get("Traceparent"), headers.get("Tracestate"))


def _problem(problem: Problem) -> Reply:
    """A problem as an answer."""
    headers: Headers = [("Content-Type", Problem.MEDIA_TYPE), *problem.headers.items()]
    span = trace.get_current_span().get_span_context()
    return Reply(problem.status, headers, problem.encode(trace.format_trace_id(span.trace_id)))


def _whole(status: int, headers: Headers, body: bytes, is_head: bool) -> bytes:
    """An answer in one piece, as it is sent.

    Raises:
        ValueError: a header has characters that a header cannot have.
    """
    lines = [f"HTTP/1.1 {status} {PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        raise ValueError("a header has a line break")
    head = text.encode("latin-1") + b"\r\n\r\n"
    return head if is_head else head + body


def _status(status: int) -> ResponseStartLine:
    return ResponseStartLine("HTTP/1.1", status, PHRASES.get(status, "Unknown"))


def _fields(headers: Headers) -> HTTPHeaders:
    fields = HTTPHeaders()
    for name, value in headers:
        fields.add(name, value)
    return fields


_date = (0, "")


def _now() -> str:
    """The time as `Date` says it; made once a second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True))
    return _date[1]
