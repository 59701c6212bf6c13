"""The client of services. All calls go through services nginx."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

from opentelemetry import context, trace
from opentelemetry.util.types import Attributes

from gateway.baggage import carried
from gateway.service_client import retry
from gateway.service_client.attempt import MAX_ANSWER_BYTES, Attempt, Listener
from gateway.service_client.attempt_headers import attempt_headers
from gateway.service_client.call import Answer, Call, KeptOpen, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.health import ServiceHealth
from gateway.service_client.metrics import ServiceMetrics
from gateway.service_client.policy import Policy
from gateway.service_client.service import Admission, Service
from gateway.service_client.services import Services
from gateway.service_client.streamed_body import admitted_body
from observability import Telemetry
from observability.http.client import Client, ClientError, Limits, Origin, Response, Streamed
from observability.http.client.request import encode, lines
from observability.masking import mask_path
from observability.tracer import MinimalSpan, ParentContext

#: Connections to services nginx at once: more than all bulkheads let through, so that bulkheads alone bound
#: calls of a service. With fewer, calls of one service would wait for connections that another one holds.
MAX_CONNECTIONS = 1 << 20
CREDENTIAL_HEADER = "X-Platform-Credential"


class HttpServiceClient:
    """Calls services through services nginx. Make it inside the running event loop, and close it at the end.

    Parameters:
        services_url: of services nginx.
        credential: by which services nginx admits the gateway.
    """

    def __init__(
        self,
        services_url: str,
        credential: str,
        telemetry: Telemetry,
        metrics: ServiceMetrics,
        client: Client | None = None,
    ) -> None:
        self._url = services_url.rstrip("/")
        self._origin = Origin.of(self._url)
        self._headers = ((CREDENTIAL_HEADER, credential), ("User-Agent", "nextphase-gateway"))
        self._constant = lines(self._headers)
        self._tracer = telemetry.tracer
        self._services = Services(metrics, self._tracer, self._origin)
        self._client = client or Client(
            limits=Limits(
                connections_per_origin=MAX_CONNECTIONS,
                body_bytes=MAX_ANSWER_BYTES,
            )
        )
        self.health = ServiceHealth(self._client, self._origin, self._headers)
        """Whether services can be reached, for health checks."""

    def begin(
        self,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        parent: MinimalSpan,
        onward: str,
        listener: Listener,
    ) -> Attempt | None:
        """Make the first attempt at a call without a task, if it has neither to wait nor to be refused.

        Parameters:
            parent: the span of the call.
            onward: the request's headers, the call's and those of its baggage, as `lines` gives them.
            listener: called once, by the event loop, when there is an answer or there will be none.

        Returns:
            the attempt; None if nothing was done, and `call` has to make it, which can wait and refuse.
        """
        service = self._services.of(call.service, policy)
        left = deadline.remaining()
        if left <= 0 or (admission := service.try_admit(call)) is None:
            return None
        connection = self._client.take(self._origin)
        if connection is None:
            service.bulkhead.leave()
            return None
        service.budget.deposit(policy.retries.budget_ratio)
        attempt = self._start(service, admission, call, 1, parent, listener)
        attempt.connection = connection
        seconds = attempt.limit(deadline, left, policy.timeout_seconds)
        method, body = call.method, cast(bytes, call.body)
        fields = self._constant + onward + attempt_headers(attempt.span, seconds)
        try:
            head = encode(self._origin, method, call.target, (), len(body), fields)
        except ValueError:
            connection.discard()
            attempt.close()
            raise
        until = connection.loop.time() + seconds
        connection.send(head, body, attempt, bodyless=method == "HEAD", deadline=until)
        return attempt

    async def call(
        self, call: Call, policy: Policy, deadline: Deadline, begun: Attempt | None = None
    ) -> Answer:
        """Make a call; try again after a transient failure, if policy and method allow it.

        Parameters:
            begun: the first attempt at it, if that has ended.

        Raises:
            ServiceError: no answer in time (504), no connection (502), a 5xx answer (503 and 504 stay,
                others become 502), an answer too large or malformed, no admission by services nginx (502),
                circuit open or bulkhead full (503).
        """
        service = self._services.of(call.service, policy)
        if begun is None:
            service.budget.deposit(policy.retries.budget_ratio)
        attempt = 1
        while True:
            try:
                return await self._attempt(service, call, policy, deadline, attempt, begun)
            except ServiceError as error:
                wait = retry.next_pause(service, call, policy, deadline, attempt, error)
                if wait is None:
                    raise
                event: Attributes = {"service": call.service, "cause": error.cause, "attempt": attempt}
                trace.get_current_span().add_event("retry", event)
                service.retried.inc()
            await asyncio.sleep(wait)
            attempt, begun = attempt + 1, None

    @asynccontextmanager
    async def stream(
        self, call: Call, policy: Policy, deadline: Deadline, kept_open: KeptOpen | None = None
    ) -> AsyncIterator[Streamed]:
        """Make a call once; the bodies of both sides are passed on while they come.

        The deadline holds for the answer's head, from the end of the request; after that no pause is longer
        than `timeout_seconds`. The caller bounds how long the request's body may take. The call
        has a place in the bulkhead from the end of its body to the answer's head: callers that send or read
        slowly hold none.

        Parameters:
            kept_open: says which answers are kept open for hours.

        Raises:
            ServiceError: as `call`; while the body comes, too.
        """
        service = self._services.of(call.service, policy)
        service.enter_streams(call)
        attempt = self._start(
            service, None, call, 1, ParentContext(trace.get_current_span().get_span_context())
        )
        try:
            seconds = _seconds(attempt, call, policy, deadline)
            async with self._client.stream(
                self._origin,
                call.method,
                call.target,
                (),
                await admitted_body(service, attempt, call, seconds),
                timeout_seconds=seconds,
                idle_seconds=policy.timeout_seconds,
                content_length=call.content_length,
                fields=self._fields(call, attempt, seconds),
                upgrade="websocket" if call.websocket else None,
            ) as streamed:
                attempt.judge(streamed.status, streamed.headers)
                attempt.leave()
                if kept_open is not None and (idle_seconds := kept_open.idle_seconds(streamed)) is not None:
                    attempt.keep_open()
                    streamed.idle_seconds = idle_seconds
                streamed.when_over(attempt.close)
                yield streamed
        except ClientError as error:
            raise attempt.failed(error) from error
        finally:
            attempt.close()

    def follow(self, policies: Mapping[str, Policy]) -> None:
        """Use these policies from now on; breakers, bulkheads and retry budgets keep their state."""
        self._services.follow(policies)

    async def close(self) -> None:
        await self._client.close()

    async def _attempt(
        self,
        service: Service,
        call: Call,
        policy: Policy,
        deadline: Deadline,
        number: int,
        begun: Attempt | None,
    ) -> Answer:
        attempt = begun or await self._begin(service, call, deadline, number)
        try:
            if begun is not None and not begun.stale():
                return begun.collected()
            response = await self._request(call, policy, deadline, attempt, fresh=begun is not None)
            attempt.judge(response.status, response.headers)
            return Answer(call.service, response.status, response.headers, response.body)
        except ClientError as error:
            raise attempt.failed(error) from error
        finally:
            attempt.close()

    async def _request(
        self, call: Call, policy: Policy, deadline: Deadline, attempt: Attempt, *, fresh: bool
    ) -> Response:
        seconds = _seconds(attempt, call, policy, deadline)
        return await self._client.request(
            self._origin,
            call.method,
            call.target,
            (),
            cast(bytes, call.body),
            timeout_seconds=seconds,
            fresh=fresh,
            fields=self._fields(call, attempt, seconds),
        )

    async def _begin(self, service: Service, call: Call, deadline: Deadline, number: int) -> Attempt:
        admission = await service.admit(call, deadline.remaining())
        parent = ParentContext(trace.get_current_span().get_span_context())
        return self._start(service, admission, call, number, parent)

    def _start(
        self,
        service: Service,
        admission: Admission | None,
        call: Call,
        number: int,
        parent: ParentContext | MinimalSpan,
        listener: Listener | None = None,
    ) -> Attempt:
        """Open an attempt's span."""
        span = service.spans(call.method).start_minimal(parent, (self._url + mask_path(call.target),))
        if number > 1:
            span.recording_span.set_attribute("http.request.resend_count", number - 1)
        return Attempt(service, admission, call, span, listener)

    def _fields(self, call: Call, attempt: Attempt, seconds: float) -> str:
        """The headers of a request, as they are sent."""
        onward = lines(call.headers) + lines(carried(context.get_current()))
        return self._constant + onward + attempt_headers(attempt.span, seconds)


def _seconds(attempt: Attempt, call: Call, policy: Policy, deadline: Deadline) -> float:
    """How long an attempt may take.

    Raises:
        ServiceError: 504, there is no time left for any.
    """
    left = deadline.remaining()
    if left <= 0:
        raise ServiceError(call.service, 504, "no time was left to ask it", cut=True)
    return attempt.limit(deadline, left, policy.timeout_seconds)
