"""OpenTelemetry's conventions, as rules for the spans of every hop, held against what real traffic left."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from compose.cli.telemetry import Span
from compose.cli.traffic import Traffic
from tests.conftest import Stack, eventually

pytestmark = [pytest.mark.stack, pytest.mark.example]

NGINX = {"edge-nginx", "services-nginx"}
HOPS = NGINX | {"gateway", "accounts", "orders", "inventory", "notifications", "relay", "rio"}
OPERATIONS = {"create": "producer", "send": "producer", "process": "consumer"}
"""The kind that the spans of each type of operation on a message have."""


@dataclass(frozen=True)
class Rule:
    """says: what a span that breaks it lacks. holds: for every span that it is about."""

    says: str
    about: Callable[[Span], bool]
    holds: Callable[[Span], object]


def has(*keys: str) -> Callable[[Span], bool]:
    return lambda span: all(span.tags.get(key) not in (None, "") for key in keys)


def is_http_server(span: Span) -> bool:
    return span.kind == "server"


def is_database(span: Span) -> bool:
    return "db.system.name" in span.tags


def is_message(span: Span) -> bool:
    return "messaging.operation.name" in span.tags


RULES = [
    Rule("error.type of a failed span", lambda span: span.failed, has("error.type")),
    Rule(
        "the client of a request and the proxy in front",
        is_http_server,
        has("client.address", "network.peer.address"),
    ),
    Rule("no query", lambda _: True, lambda span: "url.query" not in span.tags),
    Rule(
        "no query in an address", lambda _: True, lambda span: "?" not in str(span.tags.get("url.full", ""))
    ),
    Rule(
        "what a request was",
        is_http_server,
        has("http.request.method", "http.response.status_code", "url.path", "url.scheme"),
    ),
    Rule("the database of its own", is_database, has("db.namespace", "db.query.text", "nextphase.database")),
    Rule("a database is called", is_database, lambda span: span.kind == "client"),
    Rule(
        "what is done to which message",
        is_message,
        has("messaging.system", "messaging.operation.type", "messaging.destination.name"),
    ),
    Rule(
        "the kind of an operation on a message",
        is_message,
        lambda span: OPERATIONS.get(str(span.tags.get("messaging.operation.type"))) == span.kind,
    ),
]

#: What each hop's resource says; nginx has no runtime.
RESOURCE = {
    "service.version",
    "service.instance.id",
    "deployment.environment.name",
    "host.name",
    "process.pid",
    "process.executable.name",
}
RUNTIME = {"process.runtime.name", "process.runtime.version"}


@pytest.fixture(scope="module")
def traces(stack: Stack) -> list[str]:
    """Orders confirmed and cancelled, what is not there, what a service refuses, cached reads."""

    async def make() -> list[str]:
        async with Traffic.of(stack.layout) as traffic:
            account = await traffic.create_account("Ada Lovelace", "ada@example.com")
            await traffic.put_stock("conventions", 10)
            placed = [await traffic.place_order(account, {"conventions": number}) for number in (1, 11)]
            for each in placed:
                await traffic.settled(each, within_seconds=60)
            document = f"/v1/orders/{placed[0].order_id}"
            operator = stack.bearer("operator", "stock:write")
            answers = [
                await traffic.request("GET", document, headers=traffic.bearer(account)),
                await traffic.request("GET", "/v1/none?token=secret"),
                await traffic.request("GET", "/v1/stock/none?token=secret"),
                await traffic.request("POST", "/v1/accounts", json=[]),
                # Refused by the service, so that the gateway's call fails: less than is reserved.
                await traffic.request("PUT", "/v1/stock/conventions", json={"on_hand": 0}, headers=operator),
                *[await traffic.request("GET", "/v1/stock/conventions") for _ in range(3)],
            ]
            return [*(each.trace_id for each in placed), *(each.headers["X-Trace-Id"] for each in answers)]

    return asyncio.run(make())


@pytest.fixture(scope="module")
def spans(stack: Stack, traces: list[str]) -> list[Span]:
    """All of these traces, once every hop has a part in them, and the gateway in each."""

    def look() -> list[Span]:
        found = [stack.telemetry.trace(trace_id) for trace_id in traces]
        assert all({span.service for span in trace} >= {"edge-nginx", "gateway"} for trace in found)
        spans = [span for trace in found for span in trace]
        assert {span.service for span in spans} == HOPS
        assert any(span.failed for span in spans)
        return spans

    return eventually(look, within_seconds=60)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_every_span_keeps_the_rule(spans: list[Span], rule: Rule) -> None:
    concerned = [span for span in spans if rule.about(span)]
    assert concerned
    broken = {(span.service, span.kind, span.name) for span in concerned if not rule.holds(span)}
    assert broken == set()


def test_every_resource_says_what_runs_where(stack: Stack, traces: list[str], spans: list[Span]) -> None:
    lacking = {}
    for trace_id in traces:
        answer = stack.telemetry.client.get(stack.telemetry.stores.jaeger, f"/api/traces/{trace_id}")
        for trace in answer["data"]:
            for process in trace["processes"].values():
                keys = {tag["key"] for tag in process["tags"] if tag["value"] not in ("", None)}
                name = process["serviceName"]
                lacking[name] = (RESOURCE if name in NGINX else RESOURCE | RUNTIME) - keys
    assert lacking.keys() == HOPS
    assert {name: keys for name, keys in lacking.items() if keys} == {}


def test_the_service_graph_shows_events_and_each_database(stack: Stack, spans: list[Span]) -> None:
    events = (
        'sum by (client, server) (traces_service_graph_request_total{connection_type="messaging_system"})'
    )
    databases = 'sum by (client, server) (traces_service_graph_request_total{connection_type="database"})'

    def edges(query: str) -> set[tuple[str, str]]:
        return {(labels["client"], labels["server"]) for labels, _ in stack.telemetry.metric(query)}

    def look() -> None:
        assert edges(events) >= {
            ("orders", "rio"),
            ("rio", "inventory"),
            ("inventory", "rio"),
            ("rio", "orders"),
        }
        services = {"accounts", "orders", "inventory", "notifications"}
        assert edges(databases) >= {(name, f"postgresql/{name}") for name in services}

    eventually(look, within_seconds=60)
