"""Drills on who may call what."""

from __future__ import annotations

import secrets
import time
import uuid

from compose.cli.drills.drill import Drill, Spans, expect
from compose.cli.drills.instance import Instance

_CLIENT = 3
"""OTLP's number of the span kind."""


class CallWithoutCredential(Drill):
    name = "call-without-credential"
    breaks = "calls services nginx as no hop of the platform"
    alerts = (expect("CallersRefused", service="services-nginx"),)
    lines = '{service_name="services-nginx"} | status="403"'
    spans = Spans("services-nginx", {"http.response.status_code": "403"})
    callers = 2

    def strike(self, instance: Instance) -> None:
        """The calls are made by `repeat`."""

    def repeat(self, instance: Instance) -> None:
        instance.outside.get(f"http://{instance.layout.address('services-nginx')}/accounts/health")

    def heal(self, instance: Instance) -> None:
        """The calls end with the drill."""


class BypassGateway(Drill):
    name = "bypass-gateway"
    breaks = "calls the service accounts itself, as a hop that the catalog does not know"
    alerts = (expect("CallNotAllowed", client="drill"),)
    needs = ("accounts",)
    spans = Spans("drill", {"span.kind": "client"})
    callers = 1

    def strike(self, instance: Instance) -> None:
        """The calls are made by `repeat`."""

    def repeat(self, instance: Instance) -> None:
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        url = f"{instance.service_url('accounts')}/accounts/{uuid.uuid4()}"
        started = time.time_ns()
        instance.outside.get(url, headers={"traceparent": f"00-{trace_id}-{span_id}-01"})
        span = {
            "traceId": trace_id,
            "spanId": span_id,
            "name": "GET",
            "kind": _CLIENT,
            "startTimeUnixNano": str(started),
            "endTimeUnixNano": str(time.time_ns()),
        }
        name = {"key": "service.name", "value": {"stringValue": "drill"}}
        document = {
            "resourceSpans": [{"resource": {"attributes": [name]}, "scopeSpans": [{"spans": [span]}]}]
        }
        collector = instance.layout.address("collector-otlp-http")
        instance.outside.post(f"http://{collector}/v1/traces", json=document).raise_for_status()

    def heal(self, instance: Instance) -> None:
        """The calls end with the drill."""
