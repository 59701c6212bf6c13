"""The services that calls were made to, with their state."""

from collections.abc import Mapping

from opentelemetry.trace import Tracer

from gateway.service_client.metrics import ServiceMetrics
from gateway.service_client.policy import Policy
from gateway.service_client.service import Service
from observability.http.client import Origin


class Services:
    """The state of each service, made when it is first called or its policy is first known.

    Parameters:
        origin: of services nginx, through which all are called.

    Attributes:
        by_name: those there are.
    """

    def __init__(self, metrics: ServiceMetrics, tracer: Tracer, origin: Origin) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._origin = origin
        self.by_name: dict[str, Service] = {}

    def follow(self, policies: Mapping[str, Policy]) -> None:
        """Use these policies from now on; breakers, bulkheads and retry budgets keep their state."""
        for name, policy in policies.items():
            self.of(name, policy).follow(policy)

    def of(self, name: str, policy: Policy) -> Service:
        """The state of a service. A call by an older router does not bring its policy back."""
        service = self.by_name.get(name)
        if service is None:
            service = Service(name, policy, self._metrics, self._tracer, self._origin)
            self.by_name[name] = service
        return service
