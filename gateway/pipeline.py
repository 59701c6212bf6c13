"""The way of every request: receive, identify, authorise, limit, validate, act, respond, record.

`gateway.built_in_middleware` lists the middleware in its order. The handler of a route, which is its endpoint
wrapped in the middleware that it needs, is built once, when the routes are loaded.
"""

import asyncio
from collections.abc import Callable, Sequence

from opentelemetry import context as trace_context
from tornado.httputil import HTTPHeaders

from gateway.caller.identification import identify
from gateway.caller.request_id import REQUEST_ID_HEADER
from gateway.caller.trusted_proxies import TrustedProxies
from gateway.config.route import Route
from gateway.config.router import Router
from gateway.context import Context
from gateway.cors import Cors
from gateway.endpoints.options import Options
from gateway.in_flight import InFlight
from gateway.long_lived.connections import LongLived
from gateway.messages import Handler, Headers, Request, Response
from gateway.middleware import Middleware
from gateway.middleware_stack import Stack
from gateway.problems import failure, refusing
from gateway.request_record import RequestRecord, RequestRecorder
from gateway.sending import headers_of, send
from gateway.service_client import ServiceError
from gateway.service_client.deadline import Deadline
from observability import Telemetry
from observability.http.problem import Problem
from observability.http.server import BodyStream, ResponseWriter, UnsendableHeaders

#: The status of a request whose caller went away; only telemetry shows it.
CLIENT_GONE = 499


class Pipeline:
    """Serves the public API. The router can be replaced; requests in flight keep the one they began with.

    Attributes:
        stacks: the middleware and the handler of each route, by the route's id.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        middleware: Sequence[tuple[str, Middleware]],
        proxies: TrustedProxies,
        cors: Cors,
        context: Context,
        router: Router,
    ) -> None:
        self.cors = cors
        self.loop = asyncio.get_running_loop()
        self.in_flight = InFlight(context.metrics.requests)
        self._middleware = middleware
        self._proxies = proxies
        self._context = context
        self._recorder = RequestRecorder(telemetry)
        self.use(router)

    def use(self, router: Router) -> None:
        """Use another router from the next request on."""
        self.router = router
        self._options = Options(router, self.cors)
        self.stacks = {route.id: Stack.of(route, self._middleware) for route in router.routes}
        self._context.service_client.follow(router.policies)
        self._recorder.clear()
        self.in_flight.show(router.routes)

    async def drain(self, timeout_seconds: float) -> bool:
        """End long-lived connections, and wait for the requests in flight; False where that took too long."""
        self._context.long_lived.end_all()
        return await self.in_flight.drain(timeout_seconds)

    def receive(
        self, writer: ResponseWriter, method: str, target: str, headers: HTTPHeaders, peer: str
    ) -> "RequestTask":
        """Find the route of a request, identify its caller, and begin its record."""
        path, _, query = target.partition("?")
        route: Route | None = None
        path_values: list[str] = []
        handler: Handler = self._options.respond
        try:
            if method != "OPTIONS":
                route, path_values = self.router.find(method, path)
                handler = self.stacks[route.id].handler
        except Problem as problem:
            handler = refusing(problem)
        deadline = Deadline.after(route.deadline_seconds if route is not None else 0.0)
        caller = identify(headers, peer, self._proxies)
        own = [(REQUEST_ID_HEADER, caller.request_id), *self.cors.answer(headers)]
        request = Request(method, path, query, headers, caller, deadline, path_values, own)
        record = self._recorder.begin(request, route, peer)
        return RequestTask(self, writer, request, route, handler, record)


class RequestTask:
    """One request from its head to its response, with a span, a log line and metrics in any case.

    Attributes:
        streams: whether the body is passed on while it comes.
    """

    answers_half_closed = False  # for a caller that went away no service is called

    def __init__(
        self,
        pipeline: Pipeline,
        writer: ResponseWriter,
        request: Request,
        route: Route | None,
        handler: Handler,
        record: RequestRecord,
    ) -> None:
        self.streams = route is not None and route.streams
        self._pipeline, self._writer, self._request = pipeline, writer, request
        self._route, self._handler, self._record = route, handler, record
        self._task: asyncio.Task[None] | None = None
        self._is_gone = False
        pipeline.in_flight.begin(route)

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Start the work. The body is all there, streams, or comes later (see `ReceivedRequest`)."""
        request = self._request
        if isinstance(body, bytes):
            request.body = body
        elif isinstance(body, BodyStream):
            request.stream = body.pieces()
        else:
            request.arriving = body
        request.when_admitted = when_admitted
        self._task = self._pipeline.loop.create_task(self._run())

    def refuse(self, problem: Problem) -> None:
        """Respond with a problem; the rest of the body is not waited for."""
        self._handler = refusing(problem)
        self.begin()

    def gone(self) -> None:
        """Cancel the work for the request: the caller closed the connection."""
        self._is_gone = True
        if self._task is None:
            self.begin()
        else:
            # Later: a task that is cancelled before it began would not even end the request's span.
            self._pipeline.loop.call_soon(self._task.cancel)

    async def _run(self) -> None:
        trace_context.attach(self._record.context)  # it ends with the task: nothing is detached
        status = CLIENT_GONE
        try:
            response = await self._respond()
            status = response.status
            status = await self._send(response)
        except asyncio.CancelledError:
            status = CLIENT_GONE
            self._writer.cut()  # a caller that is still there would wait for ever
        except ServiceError as error:  # the service broke off: the caller has to see that, too
            status = error.status
            self._record.span.add_event("gateway.broken_off", {"gateway.cause": error.cause})
            self._writer.cut()
        except Exception as error:  # the head is sent: all that can be done is to cut the response short
            status = failure(error).status
            self._writer.cut()
        finally:
            self._record.end(status)
            self._pipeline.in_flight.end(self._route)

    async def _respond(self) -> Response:
        try:
            if self._is_gone:
                raise asyncio.CancelledError
            return await self._handler(self._request)
        except Exception as error:
            return self._problem(failure(error))

    def _problem(self, problem: Problem) -> Response:
        headers: Headers = [("Content-Type", Problem.MEDIA_TYPE), *problem.headers.items()]
        return Response(problem.status, headers, problem.encode(self._record.trace_id))

    async def _send(self, response: Response) -> int:
        """Send a response; the status sent: 500 where a header cannot be."""
        body = response.body
        if not isinstance(body, bytes) and isinstance(body, LongLived):  # the second check takes longer
            self._record.keep_open(body)
        try:
            await send(self._writer, response, headers_of(response, self._request, self._record.trace_id))
        except UnsendableHeaders as error:
            response = self._problem(failure(error))
            await send(self._writer, response, headers_of(response, self._request, self._record.trace_id))
        self._writer.answered()
        return response.status
