"""The routes as they are in effect, for people: every default filled in, every dependency named."""

from collections.abc import Mapping
from typing import Any

from gateway.aggregation import json_document
from gateway.aggregation.part import Fallback, Part
from gateway.config.route import Route
from gateway.config.router import Router
from gateway.endpoints.compose import Compose
from gateway.endpoints.proxy import Proxy
from gateway.long_lived.connections import KINDS
from gateway.middleware_stack import Stack


def effective(router: Router, stacks: Mapping[str, Stack]) -> bytes:
    """The routes as JSON.

    Parameters:
        stacks: the middleware of each route, by its id.
    """
    services = {name: policy.model_dump() for name, policy in router.policies.items()}
    return json_document.encode(
        {
            "services": services,
            "application": router.document.get("application"),
            "routes": [_route(route, stacks[route.id]) for route in router.routes],
        }
    )


def _route(route: Route, stack: Stack) -> dict[str, Any]:
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
        "middleware": list(stack.names),
    }
    if isinstance(route.endpoint, Compose):
        declared = route.declared["compose"]
        return shown | {
            "parts": {
                part.name: _part(part, declared[part.name]) for part in route.endpoint.executor.plan.parts
            }
        }
    if isinstance(route.endpoint, Proxy):
        policy = route.endpoint.policy.model_dump(exclude={"retries"})  # what is streamed is sent once
        kept_open = route.endpoint.kept_open
        declared = route.declared["proxy"] | {"policy": policy}
        for kind in KINDS:
            if kind in declared:
                declared[kind] = getattr(kept_open, kind).model_dump()
        return shown | {"proxy": declared}
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
