"""What the gateway remembers of a service from call to call."""

import logging
from math import ceil
from typing import NoReturn

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer

from gateway.resilience import retries
from gateway.resilience.breaker import Circuit, State
from gateway.resilience.bulkhead import Compartment, Full
from gateway.resilience.deadline import Deadline
from gateway.resilience.metrics import Metrics
from gateway.resilience.policy import Policy
from gateway.upstream.call import UpstreamError
from observability.client import Origin
from observability.lean import Template

_logger = logging.getLogger(__name__)


class Service:
    """What the gateway remembers of one service: its circuit, its bulkhead, its retry budget, its series."""

    def __init__(self, name: str, policy: Policy, metrics: Metrics, tracer: Tracer, origin: Origin) -> None:
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
        self._tracer = tracer
        self._origin = origin
        self._spans: dict[str, Template] = {}

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

    def spans(self, method: str) -> Template:
        """What the spans of attempts have in common."""
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
        raise UpstreamError(self.name, 503, cause, retry_after)

    def _changed(self, before: State, after: State) -> None:
        self._state.set(after.value)
        fields = {"service": self.name, "before": before.name.lower(), "after": after.name.lower()}
        trace.get_current_span().add_event("breaker", {f"breaker.{key}": fields[key] for key in fields})
        level = logging.WARNING if after is State.OPEN else logging.INFO
        # `service` is the hop's own field of each line.
        fields["upstream"] = fields.pop("service")
        _logger.log(level, "circuit %s", fields["after"], extra=fields)
