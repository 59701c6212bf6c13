"""How each service is called: the settings' timeouts, under what the file of routes declares."""

from collections.abc import Mapping
from typing import Any

from gateway.service_client.policy import Policy
from observability.configuration.yaml_document import Document, Field


class ServicePolicies:
    """The policies of the services that there are.

    Parameters:
        timeouts: the services, and the seconds that a call of each may take unless the file says else.

    Attributes:
        by_service: the policy of each service where a route does not say otherwise.
    """

    def __init__(self, document: Document, timeouts: Mapping[str, float]) -> None:
        self._document = document
        self.by_service: dict[str, Policy] = {}
        declared = document.content.get("services", {})
        for name, timeout in timeouts.items():
            layers = {"timeout_seconds": timeout}, declared.get("defaults", {}), declared.get(name, {})
            self.by_service[name] = Policy.model_validate(_merged(*layers))
        for name in declared:
            if name != "defaults":
                self.knows(name, ("services", name))

    def knows(self, name: str, where: Field) -> bool:
        """Whether a service of that name exists; if not, a fault is noted."""
        if name in self.by_service:
            return True
        known = ", ".join(sorted(self.by_service))
        self._document.fault(where, f"there is no service {name}; known are {known}")
        return False

    def of(self, declared: Mapping[str, Any]) -> Policy:
        """The policy of a part or a proxy, which may have a timeout and retries of its own."""
        own = {key: declared[key] for key in ("timeout_seconds", "retries") if key in declared}
        policy = self.by_service[declared["service"]]
        return Policy.model_validate(_merged(policy.model_dump(), own)) if own else policy


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers over earlier ones, member by member of their objects."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = {**merged[key], **value} if both else value
    return merged
