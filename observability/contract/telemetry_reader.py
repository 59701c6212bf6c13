"""Reads back what parts told of themselves: spans, log lines, metrics and alerts from their stores."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from observability.http.problem import Problem

Get = Callable[[str, str, Sequence[tuple[str, str]]], Awaitable[bytes]]
"""Gets a path of a store (`prometheus`, `loki`, `jaeger`) with parameters; raises Problem where it cannot."""

Sample = tuple[Mapping[str, str], float]
"""A series' labels and value."""


@dataclass(frozen=True)
class StoredSpan:
    """A span as Jaeger has it."""

    trace_id: str
    name: str
    kind: str
    has_failed: bool
    attributes: frozenset[str]
    """Their names, the resource's included."""


class TelemetryReader:
    """Reads the stores of an instance.

    Args:
        get: asks them.
    """

    def __init__(self, get: Get) -> None:
        self._get = get

    async def metric(self, query: str) -> list[Sample]:
        """The series that a PromQL query gives now."""
        content = await self._ask("prometheus", "/api/v1/query", [("query", query)])
        return [(one["metric"], float(one["value"][1])) for one in content["data"]["result"]]

    async def alerts(self) -> set[str]:
        """The names of the alerts that Prometheus evaluates."""
        content = await self._ask("prometheus", "/api/v1/rules", [("type", "alert")])
        return {rule["name"] for group in content["data"]["groups"] for rule in group["rules"]}

    async def spans(
        self, service: str, since: float, limit: int, kind: str | None = None, operation: str | None = None
    ) -> list[StoredSpan]:
        """The spans of a service in its last traces.

        Args:
            service: its `service.name`.
            since: how far back, seconds since the epoch.
            limit: of traces.
            kind: only traces in which it has a span of this kind ...
            operation: ... and of this name.
        """
        parameters = [("service", service), ("start", str(int(since * 1e6))), ("limit", str(limit))]
        if kind is not None:
            parameters.append(("tags", msgspec.json.encode({"span.kind": kind}).decode()))
        if operation is not None:
            parameters.append(("operation", operation))
        content = await self._ask("jaeger", "/api/traces", parameters)
        return [span for trace in content["data"] or () for span in _spans(trace, service)]

    async def lines(self, service: str, where: str, since: float, limit: int) -> list[Mapping[str, str]]:
        """The fields of the last lines of a service for which LogQL's label filter `where` holds."""
        query = f'{{service_name="{service}"}} | {where}'
        parameters = [("query", query), ("start", str(int(since * 1e9))), ("limit", str(limit))]
        content = await self._ask("loki", "/loki/api/v1/query_range", parameters)
        return [stream["stream"] for stream in content["data"]["result"]]

    async def _ask(self, store: str, path: str, parameters: Sequence[tuple[str, str]]) -> Any:
        body = await self._get(store, path, parameters)
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise Problem(
                502, f"{store} is not available", detail=f"its answer is no JSON: {error}"
            ) from error


_FAILED: Final = ("otel.status_code", "ERROR")


def _spans(trace: Mapping[str, Any], service: str) -> Iterator[StoredSpan]:
    for span in trace["spans"]:
        process = trace["processes"][span["processID"]]
        if process["serviceName"] == service:
            tags = {tag["key"]: tag["value"] for tag in (*process["tags"], *span["tags"])}
            yield StoredSpan(
                span["traceID"],
                span["operationName"],
                str(tags.get("span.kind", "internal")),
                _FAILED in tags.items(),
                frozenset(tags),
            )
