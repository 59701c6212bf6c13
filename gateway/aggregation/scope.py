"""The values of a request that references may lead to."""

from typing import Any

from gateway.messages import Request


def scope_of(request: Request) -> dict[str, Any]:
    """The values that references may lead to before any part is there."""
    return {
        "path": request.parameters,
        "query": request.parameters,
        "caller": {"subject": request.caller.subject},
        "body": request.document,
    }
