"""Which public routes the collector asks for from outside, as a caller would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_EDGE = "${env:EDGE_URL}"
_HEALTH = "/health"


def collector(routes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The collector's configuration of probes: of the edge's health, and of every route that `is_probed`."""
    paths = [_HEALTH, *(route["path"] for route in routes if is_probed(route))]
    # The list replaces that of collector.yaml: what is there has to be here, too.
    target = {
        "endpoints": [_EDGE + path for path in paths],
        "method": "GET",
        "timeout": "5s",
        "headers": {"User-Agent": "nextphase-probe/1"},
    }
    return {"receivers": {"httpcheck": {"targets": [target]}}}


def is_probed(route: Mapping[str, Any]) -> bool:
    """Whether a bare GET is enough for a good answer: without credentials and parameters, and with an end."""
    return route["method"] == "GET" and not (_needs_more(route) or _has_another_answer(route))


def _needs_more(route: Mapping[str, Any]) -> bool:
    needs_token = route.get("auth", "required") == "required" or "owner" in route
    needs_parameter = "{" in route["path"] or any(
        parameter.get("required") for parameter in route.get("parameters", {}).values()
    )
    return needs_token or needs_parameter or route.get("idempotency", False)


def _has_another_answer(route: Mapping[str, Any]) -> bool:
    """Whether a good answer is a stream without an end, the handshake of a WebSocket, or no 2xx."""
    proxy = route.get("proxy", {})
    is_long_lived = "websocket" in proxy or "event_stream" in proxy
    return is_long_lived or route.get("mock", {}).get("status", 200) >= 300
