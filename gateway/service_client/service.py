"""The state of a service between calls: breakers, bulkhead, retry budget, metrics."""

import logging
from math import ceil
from typing import Final, NamedTuple, NoReturn

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer

from gateway.service_client.bulkhead import Bulkhead, Full
from gateway.service_client.call import Call, ServiceError
from gateway.service_client.circuit_breaker import CircuitBreaker, CircuitBreakers, State
from gateway.service_client.metrics import ServiceMetrics
from gateway.service_client.policy import BulkheadPolicy, Policy
from gateway.service_client.retry_budget import RetryBudget
from observability.http.client import Origin
from observability.tracer import Template

#: Streamed calls of a service at once, whose bodies pass as slowly as callers send and read them.
MAX_STREAMS: Final = 512
#: WebSockets and event streams of a service at once: services nginx takes as many.
MAX_LONG_LIVED: Final = 512

_logger = logging.getLogger(__name__)


class Admission(NamedTuple):
    """The permission to make a call: its breaker's ticket, and with it a place in the bulkhead."""

    circuit: CircuitBreaker
    ticket: int


class Service:
    """The state of one service between calls: its breakers, bulkhead, retry budget and metrics.

    Attributes:
        bulkhead: places for calls that the service works on.
        streams: places for streamed calls, from their begin until the last byte of the answer has come.
        long_lived: places for connections that are kept open, from the head of their answer to their end.
    """

    def __init__(
        self, name: str, policy: Policy, metrics: ServiceMetrics, tracer: Tracer, origin: Origin
    ) -> None:
        self.name = name
        self.policy = policy
        self.budget = RetryBudget()
        self.bulkhead = Bulkhead(policy.bulkhead)
        self.streams = Bulkhead(BulkheadPolicy(concurrent=MAX_STREAMS, queue=0))
        self.long_lived = Bulkhead(BulkheadPolicy(concurrent=MAX_LONG_LIVED, queue=0))
        self.circuits = CircuitBreakers(policy.breaker, self._changed)
        self.retried = metrics.retries.labels(name)
        self.refused = {
            reason: metrics.refused.labels(name, reason)
            for reason in ("circuit", "bulkhead", "streams", "long_lived", "budget")
        }
        self._state = metrics.breaker.labels(name)
        self._state.set(State.CLOSED.value)
        metrics.in_flight.labels(name).set_function(lambda: self.bulkhead.in_flight)
        metrics.waiting.labels(name).set_function(lambda: self.bulkhead.waiting)
        metrics.streams.labels(name).set_function(lambda: self.streams.in_flight)
        self._attempts = metrics.attempts
        self._tracer = tracer
        self._origin = origin
        self._spans: dict[str, Template] = {}

    def follow(self, policy: Policy) -> None:
        """Use this policy from now on; calls in flight, breakers and the retry budget keep their state."""
        self.policy = policy
        self.bulkhead.follow(policy.bulkhead)
        self.circuits.follow(policy.breaker)

    def try_admit(self, call: Call) -> Admission | None:
        """Admit a call if its breaker is closed and a place in the bulkhead is free; else None."""
        circuit = self.circuits.of(call.path, call.target)
        if circuit.state is not State.CLOSED or not self.bulkhead.enter():
            return None
        return Admission(circuit, circuit.admit() or 0)

    async def admit(self, call: Call, seconds: float) -> Admission:
        """Admit a call. Waits for a place in the bulkhead if none is free.

        Parameters:
            seconds: the longest wait; the policy may bound it further.

        Raises:
            ServiceError: 503, the breaker is open, or no place came free in time.
        """
        circuit = self.circuits.of(call.path, call.target)
        ticket = circuit.admit()
        if ticket is None:
            self._refuse_open(circuit)
        if not self.bulkhead.enter():
            try:
                await self.bulkhead.wait(seconds)
            except BaseException as error:
                circuit.abandoned(ticket)
                if isinstance(error, Full):
                    self._refuse("bulkhead", str(error), "1")
                raise
        return Admission(circuit, ticket)

    def enter_streams(self, call: Call) -> None:
        """Take a place for a streamed call, before anything of its body is read.

        Raises:
            ServiceError: 503, there is none, or its breaker is open or its bulkhead full.
        """
        circuit = self.circuits.of(call.path, call.target)
        if circuit.retry_after() > 0:
            self._refuse_open(circuit)
        if self.bulkhead.is_full:
            self._refuse("bulkhead", "too many calls wait for it", "1")
        if not self.streams.enter():
            self._refuse("streams", "too many callers send or read slowly", "1")

    def keep_open(self) -> None:
        """Move a streamed call to the places of those that are kept open.

        Raises:
            ServiceError: 503, there is none; the call keeps its place.
        """
        if not self.long_lived.enter():
            self._refuse("long_lived", "too many connections are kept open", "1")
        self.streams.leave()

    def spans(self, method: str) -> Template:
        """The template of the spans of attempts with a method."""
        template = self._spans.get(method)
        if template is None:
            constants: dict[str, str | int] = {
                "http.request.method": method,
                "server.address": self._origin.host,
                "server.port": self._origin.port,
                "peer.service": self.name,
            }
            last = "http.response.status_code"
            template = Template(self._tracer, method, SpanKind.CLIENT, constants, ("url.full",), last)
            self._spans[method] = template
        return template

    def observe(self, method: str, outcome: str | int, seconds: float, trace_id: str | None) -> None:
        """Record an attempt's duration."""
        self._attempts.of(self.name, method, outcome).observe(seconds, trace_id)

    def _refuse(self, reason: str, cause: str, retry_after: str) -> NoReturn:
        self.refused[reason].inc()
        trace.get_current_span().add_event(f"{reason}.refused", {"service": self.name})
        raise ServiceError(self.name, 503, cause, retry_after)

    def _refuse_open(self, circuit: CircuitBreaker) -> NoReturn:
        after = str(max(1, ceil(circuit.retry_after())))
        self._refuse("circuit", "the service is left alone, for its calls failed", after)

    def _changed(self, path: str, before: State, after: State) -> None:
        self._state.set(self.circuits.worst.value)
        fields = {
            "service": self.name,
            "path": path,
            "before": before.name.lower(),
            "after": after.name.lower(),
        }
        trace.get_current_span().add_event("breaker", {f"breaker.{key}": fields[key] for key in fields})
        level = logging.WARNING if after is State.OPEN else logging.INFO
        # `service` is the hop's own field of each line.
        fields["peer_service"] = fields.pop("service")
        _logger.log(level, "circuit %s", fields["after"], extra=fields)
