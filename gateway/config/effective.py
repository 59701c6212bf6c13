"""The routing table as it is in effect, for people: every default filled in, every dependency named."""

from collections.abc import Mapping
from typing import Any

from gateway.aggregation import json_document
from gateway.aggregation.part import Fallback, Part
from gateway.config.route import Route
from gateway.config.router import Table
from gateway.endpoints.compose import Compose
from gateway.endpoints.proxy import Proxy


def effective(table: Table) -> bytes:
    """The table as JSON."""
    services = {name: policy.model_dump() for name, policy in table.policies.items()}
    return json_document.encode({"services": services, "routes": [_route(route) for route in table.routes]})


def _route(route: Route) -> dict[str, Any]:
    limit = route.rate_limit
    shown = {
        "id": route.id,
        "method": route.method,
        "path": route.template.text,
        "kind": route.kind,
        "auth": route.auth,
        "scopes": sorted(route.scopes),
        "owner": str(route.owner) if route.owner else None,
        "deadline_seconds": route.deadline_seconds,
        "rate_limit": {"requests": limit.requests, "seconds": limit.seconds} if limit else None,
        "priority": route.priority,
        "idempotency": route.idempotency,
        "coalesce": route.coalesce,
        "cache": route.cache,
    }
    if isinstance(route.action, Compose):
        declared = route.declared["compose"]
        return shown | {
            "parts": {part.name: _part(part, declared[part.name]) for part in route.action.plan.parts}
        }
    if isinstance(route.action, Proxy):
        policy = route.action.policy.model_dump(exclude={"retries"})  # what is streamed is sent once
        return shown | {"proxy": route.declared["proxy"] | {"policy": policy}}
    return shown | {route.kind: route.declared[route.kind]}


def _part(part: Part, declared: Mapping[str, Any]) -> dict[str, Any]:
    chosen = part.on_failure
    return {
        "service": part.service,
        "method": part.method,
        "path": declared["path"],
        "query": declared.get("query", {}),
        "headers": list(part.headers),
        "send_body": part.send_body,
        "when": declared.get("when"),
        "needs": list(part.needs),
        "select": declared.get("select"),
        "rename": declared.get("rename", {}),
        "flatten": part.flatten,
        "on_failure": {"fallback": chosen.value} if isinstance(chosen, Fallback) else chosen,
        "policy": part.policy.model_dump(),
    }
