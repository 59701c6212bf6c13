"""One request to emit, from its head to its response."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from broker.rio.ingest.messages import Request, Response
from broker.rio.ingest.request_record import RequestRecord
from broker.rio.ingest.responses import problem_response
from observability.http import date as http_date
from observability.http.error_answers import problem_of
from observability.http.problem import Problem
from observability.http.server import BodyStream, ResponseWriter
from observability.server_request import TRACE_HEADER

#: The status of a request whose sender went away before all of it had come; only telemetry shows it.
CLIENT_GONE: Final = 499


class RequestTask:
    """A `ReceivedRequest` with a span, an access line and metrics in any case.

    Once all of a request has come its events are accepted, even if the sender does not wait for the response.

    Parameters:
        respond: makes the response.
        tasks: holds the task until it ends.
    """

    streams = False
    answers_half_closed = True

    def __init__(
        self,
        respond: Callable[[Request], Awaitable[Response]],
        writer: ResponseWriter,
        request: Request,
        record: RequestRecord,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._respond, self._writer, self._request, self._record = respond, writer, request, record
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Start the work. The body is all there, or comes later: see `ReceivedRequest`."""
        if not isinstance(body, BodyStream):
            self._request.body = body
        self._request.when_admitted = when_admitted
        self._start()

    def refuse(self, problem: Problem) -> None:
        """Respond with a problem; the rest of the body is not waited for."""
        self._request.body = problem
        self._start()

    def gone(self) -> None:
        """Give up a request that has not come whole: the sender closed the connection."""
        task, body = self._task, self._request.body
        if task is None:
            self._record.end(CLIENT_GONE)
        elif isinstance(body, asyncio.Future) and not body.done():
            # Later: a task that is cancelled before it began would not even end the request's span.
            self._writer.connection.loop.call_soon(task.cancel)

    def _start(self) -> None:
        self._task = self._writer.connection.loop.create_task(self._run())
        self._tasks.add(self._task)
        self._task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        self._record.enter()
        status = CLIENT_GONE
        try:
            response = await self._response()
            status = response.status
            self._send(response)
        finally:
            self._record.end(status)

    async def _response(self) -> Response:
        try:
            return await self._respond(self._request)
        except Exception as error:
            return problem_response(problem_of(error))

    def _send(self, response: Response) -> None:
        headers = [*response.headers, (TRACE_HEADER, self._record.trace_id), ("Date", http_date.now())]
        self._writer.send(response.status, headers, response.body)
        self._writer.answered()
