"""Spans as OTLP/JSON documents."""

import secrets
import time
from typing import Any

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


def new_trace_id() -> str:
    return secrets.token_hex(16)


def span_document(
    service: str,
    trace_id: str,
    *,
    span_id: str | None = None,
    parent_id: str = "",
    kind: int = SERVER,
    **attributes: str | int,
) -> dict[str, Any]:
    """One span of 20 ms, as OTLP/JSON."""
    now = time.time_ns()

    def value(each: str | int) -> dict[str, str]:
        return {"intValue": str(each)} if isinstance(each, int) else {"stringValue": each}

    span = {
        "traceId": trace_id,
        "spanId": span_id or secrets.token_hex(8),
        "parentSpanId": parent_id,
        "name": "GET /things/{id}",
        "kind": kind,
        "startTimeUnixNano": str(now - 20_000_000),
        "endTimeUnixNano": str(now),
        "attributes": [
            {"key": key.replace("__", "."), "value": value(each)} for key, each in attributes.items()
        ],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
