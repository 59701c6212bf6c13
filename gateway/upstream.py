"""Calls to services, through services nginx: bounded in time and number, each attempt a span."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, NoReturn, cast

from opentelemetry import baggage, context, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes

from gateway.resilience import retries
from gateway.resilience.breaker import Circuit, State
from gateway.resilience.bulkhead import Compartment, Full
from gateway.resilience.deadline import HEADER as TIMEOUT_HEADER
from gateway.resilience.deadline import Deadline
from gateway.resilience.metrics import Metrics
from gateway.resilience.policy import Policy
from observability import Hop
from observability.client import (
    Client,
    ClientError,
    Collecting,
    ConnectFailed,
    Connection,
    ConnectionLost,
    Exhausted,
    Headers,
    Limits,
    Malformed,
    Origin,
    Response,
    Streamed,
    TimedOut,
    TooLarge,
)
from observability.client.request import lines
from observability.lean import Template
from observability.text import hex_trace_id, traceparent_of

#: The largest answer of a service that the gateway holds in memory.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
#: Connections to services nginx that one gateway process keeps, busy or idle.
MAX_CONNECTIONS = 1024
#: A check of a service's health may take this long.
READY_SECONDS = 1.5
CREDENTIAL_HEADER = "X-Platform-Credential"

_logger = logging.getLogger(__name__)
_ERROR = Status(StatusCode.ERROR)
_BAGGAGE = W3CBaggagePropagator()
#: What the gateway answers where a service did not, the first that fits.
_FAILURES: tuple[tuple[type[ClientError], tuple[int, str]], ...] = (
    (TimedOut, (504, "no answer in time")),
    (TooLarge, (502, "the answer is too large")),
    (Malformed, (502, "the answer is malformed")),
    (Exhausted, (503, "all connections are busy")),
    (ConnectFailed, (502, "no connection")),
    (ClientError, (502, "the connection was lost")),
)


class UpstreamError(Exception):
    """A service gave no usable answer.

    Parameters:
        status: what the gateway's own caller should get.
        retry_after: seconds or a date, as the service or the circuit says.
        passing: whether it may be of this moment only, so that a retry makes sense.
    """

    def __init__(
        self, service: str, status: int, cause: str, retry_after: str | None = None, passing: bool = False
    ) -> None:
        super().__init__(f"{service}: {cause}")
        self.service = service
        self.status = status
        self.cause = cause
        self.retry_after = retry_after
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Call:
    """A call to one service.

    Attributes:
        target: path and query, quoted; the path starts with the service's own prefix.
        headers: those of the request; framing, credential, trace and timeout are added.
        body: in one piece; `Upstreams.stream` takes it piece by piece, too.
        content_length: of a body that comes piece by piece, where it is known; chunked otherwise.
    """

    service: str
    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] = b""
    content_length: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, with a status below 500."""

    service: str
    status: int
    headers: Headers
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body.

        Raises:
            UpstreamError: the service's body is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise UpstreamError(self.service, 502, "the answer is not JSON") from error


class _Service:
    """What the gateway remembers of one service: its circuit, its bulkhead, its retry budget, its series."""

    def __init__(self, name: str, policy: Policy, metrics: Metrics) -> None:
        self.name = name
        self.policy = policy
        self.budget = retries.Budget()
        self.compartment = Compartment(policy.bulkhead)
        self.circuit = Circuit(policy.breaker, self._changed)
        self.retried = metrics.retries.labels(name)
        self.refused = {
            reason: metrics.refused.labels(name, reason) for reason in ("circuit", "bulkhead", "budget")
        }
        self._state = metrics.breaker.labels(name)
        self._state.set(State.CLOSED.value)
        metrics.in_flight.labels(name).set_function(lambda: self.compartment.in_flight)
        metrics.waiting.labels(name).set_function(lambda: self.compartment.waiting)
        self._attempts = metrics.attempts
        self.spans: dict[str, Template] = {}
        """Of attempts, by method."""

    def guarded_by(self, policy: Policy) -> bool:
        """Whether breaker and bulkhead are as that policy has them."""
        mine = self.policy
        return mine is policy or (mine.breaker == policy.breaker and mine.bulkhead == policy.bulkhead)

    def ticket(self) -> int:
        """The circuit's leave to make a call.

        Raises:
            UpstreamError: 503 while it is open.
        """
        ticket = self.circuit.admit()
        if ticket is None:
            after = str(max(1, ceil(self.circuit.retry_after())))
            self._refuse("circuit", "the service is left alone, for its calls failed", after)
        return ticket

    async def enter(self, deadline: Deadline) -> None:
        """Take a place in the bulkhead where none is free at once.

        Raises:
            UpstreamError: 503 where none comes free.
        """
        try:
            await self.compartment.wait(deadline.remaining())
        except Full as error:
            self._refuse("bulkhead", str(error), "1")

    def observe(self, method: str, outcome: str, seconds: float, span: Span) -> None:
        """Record an attempt's duration."""
        own = span.get_span_context()
        trace_id = hex_trace_id(own.trace_id) if own.trace_flags & 1 else None
        self._attempts.of(self.name, method, outcome).observe(seconds, trace_id)

    def _refuse(self, reason: str, cause: str, retry_after: str) -> NoReturn:
        self.refused[reason].inc()
        trace.get_current_span().add_event(f"{reason}.refused", {"service": self.name})
        raise UpstreamError(self.name, 503, cause, retry_after)

    def _changed(self, before: State, after: State) -> None:
        self._state.set(after.value)
        fields = {"service": self.name, "before": before.name.lower(), "after": after.name.lower()}
        trace.get_current_span().add_event("breaker", {f"breaker.{key}": fields[key] for key in fields})
        level = logging.WARNING if after is State.OPEN else logging.INFO
        # `service` is the hop's own field of each line.
        fields["upstream"] = fields.pop("service")
        _logger.log(level, "circuit %s", fields["after"], extra=fields)


class Upstreams:
    """The services behind services nginx; create it inside the running event loop and close it at the end.

    Parameters:
        services_url: of services nginx.
        credential: what admits the gateway there.
    """

    def __init__(
        self, services_url: str, credential: str, hop: Hop, metrics: Metrics, client: Client | None = None
    ) -> None:
        self._url = services_url.rstrip("/")
        self._origin = Origin.of(self._url)
        self._headers = ((CREDENTIAL_HEADER, credential), ("User-Agent", "nextphase-gateway"))
        self._constant = lines(self._headers)
        self._tracer = hop.tracer
        self._metrics = metrics
        self._services: dict[str, _Service] = {}
        self._client = client or Client(
            limits=Limits(connections_per_origin=MAX_CONNECTIONS, body_bytes=MAX_ANSWER_BYTES)
        )

    def begin(
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: SpanContext,
        carried: Sequence[tuple[str, str]],
        told: Callable[[], None],
    ) -> "Begun | None":
        """Make the first attempt at a call without a task, where nothing stands in its way.

        Parameters:
            parent: the span of the call.
            carried: headers of its baggage: see `carried`.
            told: called once, by the event loop, when there is an answer or there will be none.

        Returns:
            the attempt; None, and nothing was done, where `call` has to: it may have to wait, or to refuse.
        """
        service = self._service(call.service, policy)
        left = min(deadline.remaining(), policy.timeout_seconds)
        if left <= 0 or service.circuit.state is not State.CLOSED or not self._client.idle(self._origin):
            return None
        if not service.compartment.enter():
            return None
        service.budget.deposit(policy.retries.budget_ratio)
        attempt = self._start(service, service.ticket(), call, 1, parent)
        begun = Begun(attempt, told)
        try:
            begun.connection = self._client.begin(
                self._origin,
                call.method,
                call.target,
                [*call.headers, *_of_attempt(attempt.span, left), *carried],
                cast(bytes, call.body),
                begun,
                timeout_seconds=left,
                constant=self._constant,
            )
        except ValueError:
            attempt.end()
            raise
        return begun

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: "Begun | None" = None
    ) -> Answer:
        """Make a call, again if its policy and its method allow and its failure may have passed.

        Parameters:
            begun: the first attempt at it, if that has ended.

        Raises:
            UpstreamError: no answer in time (504), no connection (502), a 5xx answer (503 and 504 stay,
                others become 502), an answer too large, malformed, or not meant for the gateway (502),
                circuit open or bulkhead full (503).
        """
        service = self._service(call.service, policy)
        if begun is None:
            service.budget.deposit(policy.retries.budget_ratio)
        attempt = 1
        while True:
            try:
                return await self._attempt(service, call, policy, deadline, attempt, begun)
            except UpstreamError as error:
                wait = _pause(service, call, policy, deadline, attempt, error)
                if wait is None:
                    raise
                event: Attributes = {"service": call.service, "cause": error.cause, "attempt": attempt}
                trace.get_current_span().add_event("retry", event)
                service.retried.inc()
            await asyncio.sleep(wait)
            attempt, begun = attempt + 1, None

    @asynccontextmanager
    async def stream(self, call: Call, policy: Policy, deadline: Deadline) -> AsyncIterator[Streamed]:
        """Make a call once; the bodies of both sides are passed on while they come.

        The deadline holds for the answer's head; after that no pause is longer than `timeout_seconds`.

        Raises:
            UpstreamError: as `call`; while the body comes, too.
        """
        attempt = await self._begin(self._service(call.service, policy), call, deadline, 1)
        try:
            seconds = _seconds(call.service, policy, deadline)
            async with self._client.stream(
                self._origin,
                call.method,
                call.target,
                self._request_headers(call, attempt.span, seconds),
                call.body,
                timeout_seconds=seconds,
                idle_seconds=policy.timeout_seconds,
                content_length=call.content_length,
            ) as streamed:
                attempt.judge(streamed.status, streamed.headers)
                yield streamed
        except ClientError as error:
            raise attempt.failed(error) from error
        finally:
            attempt.end()

    async def reachable(self) -> None:
        """Return when services nginx takes connections; raise otherwise (a health check).

        No request is made: it would leave a span and a log line in services nginx every few seconds.
        """
        _, writer = await asyncio.open_connection(self._origin.host, self._origin.port)
        writer.close()
        await writer.wait_closed()

    async def ready(self, service: str) -> None:
        """Return when an instance of the service says it is ready; raise otherwise (a health check).

        Services nginx leaves neither a span nor a log line of it.
        """
        target = f"/{service}/health/ready"
        answer = await self._client.request(
            self._origin, "GET", target, self._headers, timeout_seconds=READY_SECONDS
        )
        if answer.status != 200:
            raise UpstreamError(service, 503, f"the service answered {answer.status}")

    async def close(self) -> None:
        await self._client.close()

    async def _attempt(
        self,
        service: _Service,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        number: int,
        begun: "Begun | None",
    ) -> Answer:
        attempt = begun.attempt if begun else await self._begin(service, call, deadline, number)
        try:
            if begun is None or begun.stale(call.method):
                response = await self._request(call, policy, deadline, attempt.span, fresh=begun is not None)
            else:
                response = begun.response()
            attempt.judge(response.status, response.headers)
            return Answer(call.service, response.status, response.headers, response.body)
        except ClientError as error:
            raise attempt.failed(error) from error
        finally:
            attempt.end()

    async def _request(
        self, call: Call, policy: Policy, deadline: Deadline, span: Span, *, fresh: bool
    ) -> Response:
        seconds = _seconds(call.service, policy, deadline)
        return await self._client.request(
            self._origin,
            call.method,
            call.target,
            self._request_headers(call, span, seconds),
            cast(bytes, call.body),
            timeout_seconds=seconds,
            fresh=fresh,
        )

    async def _begin(self, service: _Service, call: Call, deadline: Deadline, number: int) -> "_Attempt":
        ticket = service.ticket()
        if not service.compartment.enter():
            try:
                await service.enter(deadline)
            except BaseException:
                service.circuit.abandoned(ticket)
                raise
        parent = trace.get_current_span().get_span_context()
        return self._start(service, ticket, call, number, parent)

    def _start(
        self, service: _Service, ticket: int, call: Call, number: int, parent: SpanContext
    ) -> "_Attempt":
        """Open an attempt's span."""
        template = service.spans.get(call.method)
        if template is None:
            template = service.spans[call.method] = self._template(call)
        span = template.start(parent, (self._url + call.target,))
        if number > 1:
            span.set_attribute("http.request.resend_count", number - 1)
        return _Attempt(service, ticket, call.method, span)

    def _template(self, call: Call) -> Template:
        constants: dict[str, str | int] = {
            "http.request.method": call.method,
            "server.address": self._origin.host,
            "server.port": self._origin.port,
            "peer.service": call.service,
        }
        return Template(self._tracer, call.method, SpanKind.CLIENT, constants, ("url.full",))

    def _request_headers(self, call: Call, span: Span, seconds: float) -> list[tuple[str, str]]:
        return [*self._headers, *call.headers, *_of_attempt(span, seconds), *carried(context.get_current())]

    def _service(self, name: str, policy: Policy) -> _Service:
        """What is remembered of a service; forgotten when its breaker or bulkhead is declared otherwise."""
        service = self._services.get(name)
        if service is None or not service.guarded_by(policy):
            service = self._services[name] = _Service(name, policy, self._metrics)
        return service


class _Attempt:
    """One attempt at a call: holds its place in the bulkhead, its ticket and its span until `end`."""

    __slots__ = ("_ended", "_judged", "_method", "_outcome", "_service", "_started", "_ticket", "span")

    def __init__(self, service: _Service, ticket: int, method: str, span: Span) -> None:
        self.span = span
        self._service = service
        self._ticket = ticket
        self._method = method
        self._outcome = "cancelled"
        self._judged = self._ended = False
        self._started = time.perf_counter()

    @property
    def service(self) -> str:
        return self._service.name

    def judge(self, status: int, headers: Headers) -> None:
        """Take note of an answer.

        Raises:
            UpstreamError: it is of no use.
        """
        self._outcome = str(status)
        self.span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self.span.set_attribute("error.type", self._outcome)
            self.span.set_status(_ERROR)
        self._settle(status < 500)
        name = self._service.name
        if status == 403:  # only services nginx answers so
            raise UpstreamError(name, 502, "the gateway was not admitted")
        if status >= 500:
            told = status if status in (503, 504) else 502
            cause, passing = f"the service answered {status}", status in retries.TRANSIENT
            raise UpstreamError(name, told, cause, headers.get("Retry-After"), passing)

    def failed(self, error: ClientError) -> UpstreamError:
        """Take note of an exchange without an answer; what the gateway says of it."""
        self._outcome = type(error).__name__
        self.span.set_attribute("error.type", self._outcome)
        self.span.set_status(Status(StatusCode.ERROR, error.reason))
        self._settle(False)
        status, cause = next(said for kind, said in _FAILURES if isinstance(error, kind))
        passing = not isinstance(error, TooLarge | Malformed)
        return UpstreamError(self._service.name, status, cause, passing=passing)

    def end(self) -> None:
        """Give up what it holds; once, however often it is called."""
        if self._ended:
            return
        self._ended = True
        if not self._judged:
            self._service.circuit.abandoned(self._ticket)
        self._service.compartment.leave()
        self.span.end()
        seconds = time.perf_counter() - self._started
        self._service.observe(self._method, self._outcome, seconds, self.span)

    def _settle(self, good: bool) -> None:
        if self._judged:  # an answer that broke off after its head: the head was judged
            return
        self._judged = True
        circuit = self._service.circuit
        (circuit.succeeded if good else circuit.failed)(self._ticket)


class Begun(Collecting):
    """A first attempt that no task waits for."""

    __slots__ = ("_error", "_told", "attempt", "connection")

    def __init__(self, attempt: _Attempt, told: Callable[[], None]) -> None:
        super().__init__(MAX_ANSWER_BYTES)
        self.attempt = attempt
        self.connection: Connection | None = None
        self._error: BaseException | None = None
        self._told: Callable[[], None] | None = told

    def answer(self) -> Answer | None:
        """The answer, if it can be used; None where it is for `Upstreams.call` to say what follows."""
        if self._error is not None or self._status >= 500 or self._status == 403:
            return None
        status, headers, body = self.response()
        self.attempt.judge(status, headers)
        self.attempt.end()
        return Answer(self.attempt.service, status, headers, body)

    def stale(self, method: str) -> bool:
        """Whether only the connection was too old, and the request can be made again without harm."""
        error = self._error
        return isinstance(error, ConnectionLost) and not error.answered and method in retries.IDEMPOTENT

    def abandon(self) -> None:
        """Nobody wants the answer any more."""
        if self.connection is not None:
            self.connection.abandon(self)
        self.attempt.end()

    def response(self) -> Response:
        """What came.

        Raises:
            ClientError: nothing of use.
        """
        if self._error is not None:
            raise self._error
        return super().response()

    # --- what the connection tells

    def end(self) -> None:
        # Forgotten at once: who is told knows this attempt, and a cycle a call would keep the collector busy.
        told, self._told = self._told, None
        if told is not None:
            told()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self.end()


def carried(current: Context) -> list[tuple[str, str]]:
    """The headers of a context's baggage; most have none."""
    members: dict[str, str] = {}
    if baggage.get_all(current):
        _BAGGAGE.inject(members, current)
    return list(members.items())


def _of_attempt(span: Span, seconds: float) -> list[tuple[str, str]]:
    """What a service is told of an attempt: how long it may take, and whose part it is."""
    headers = [(TIMEOUT_HEADER, str(max(1, int(seconds * 1000))))]
    own = span.get_span_context()
    if own.is_valid:
        headers.append(("traceparent", traceparent_of(own)))
        if own.trace_state:
            headers.append(("tracestate", own.trace_state.to_header()))
    return headers


def _seconds(service: str, policy: Policy, deadline: Deadline) -> float:
    """How long an attempt may take.

    Raises:
        UpstreamError: 504, there is no time left for any.
    """
    left = deadline.remaining()
    if left <= 0:
        raise UpstreamError(service, 504, "no time was left to ask it")
    return left if left < policy.timeout_seconds else policy.timeout_seconds


def _pause(
    service: _Service, call: Call, policy: Policy, deadline: Deadline, attempt: int, error: UpstreamError
) -> float | None:
    """Seconds until the call is made again; None where it is not."""
    if attempt >= policy.retries.attempts or call.method not in retries.IDEMPOTENT or not error.passing:
        return None
    wait = retries.pause(policy.retries, attempt)
    if error.retry_after and error.retry_after.isdecimal():
        wait = max(wait, float(error.retry_after))
    if wait >= deadline.remaining():
        return None
    if not service.budget.withdraw():
        service.refused["budget"].inc()
        trace.get_current_span().add_event("retry.refused", {"service": call.service, "reason": "budget"})
        return None
    return wait
