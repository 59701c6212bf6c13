"""The API against its own OpenAPI document: complete, true, and never a 5xx."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.openapi import from_url
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.rio.admin.app import ROUTERS
from broker.tests.servers import Rio, wait_until

HEADERS = {"Authorization": "Bearer t-tests"}
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
WATCHED = "/everything/events"
OPERATIONS = sorted(
    (re.sub(r"{[^}]*}", "{}", route.path), method.lower())
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
)
# Its answer has no end; what it shows is looked at where it is tested.
ENDLESS = ("/tail", "get")
ENDING = [operation for operation in OPERATIONS if operation != ENDLESS]
# Changes of subscriptions wait for RabbitMQ, a second each.
SLOW = {("/subscriptions/{}", "put"), ("/subscriptions/{}", "delete")}


@pytest.fixture(scope="module")
def described(rio: Rio) -> dict[str, Any]:
    """The document, asked for without a token."""
    answer = httpx.get(f"{rio.url}/openapi.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    return answer.json()


@pytest.fixture(scope="module")
def watched(rio: Rio) -> Iterator[set[str]]:
    """The ids of the events accepted in this module; a subscription gets every event there is."""
    assert rio.subscribe("everything", "#") == WATCHED
    yield set()
    rio.client.delete("/subscriptions/everything")


def test_every_operation_is_described_and_no_other(described: dict[str, Any]) -> None:
    assert (
        sorted(
            (re.sub(r"{[^}]*}", "{}", path), name)
            for path, operations in described["paths"].items()
            for name in operations
        )
        == OPERATIONS
    )


def test_what_is_not_described_is_not_there(rio: Rio, described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        allowed = operations.keys() | ({"head"} if "get" in operations else set())
        for method in {"get", "put", "post", "delete", "patch"} - operations.keys():
            answer = rio.client.request(method.upper(), re.sub(r"{[^}]*}", "1", path))
            assert answer.status_code == 405, (method, path)
            assert {one.strip().lower() for one in answer.headers["Allow"].split(",")} == allowed


def test_every_schema_is_one(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert referred <= described["components"]["schemas"].keys()


def test_nobody_unknown_is_let_in(rio: Rio, described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            answer = httpx.request(method.upper(), rio.url + re.sub(r"{[^}]*}", "1", path))
            assert (answer.status_code == 401) is bool(operation["security"]), (method, path)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), ENDING)
def test_every_request_is_answered_as_described(
    rio: Rio, watched: set[str], described: dict[str, Any], path: str, method: str, mode: GenerationMode
) -> None:
    whole = next(known for known in described["paths"] if re.sub(r"{[^}]*}", "{}", known) == path)
    operation = from_url(f"{rio.url}/openapi.json")[whole][method.upper()]
    if mode is GenerationMode.NEGATIVE and not _can_be_wrong(described["paths"][whole][method]):
        pytest.skip("nothing in it can be wrong")

    @settings(
        max_examples=3 if (path, method) in SLOW else 15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Case) -> None:
        answer = case.call_and_validate(headers=HEADERS, checks=CHECKS, timeout=30)
        if answer.status_code == 202 and path.startswith("/event"):
            watched.update(_accepted(answer.json()))
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]

    call()


@pytest.mark.parametrize("query", ["type=a..b", "type=", "what=1"])
def test_watching_what_cannot_be_is_refused(rio: Rio, query: str) -> None:
    answer = rio.client.get(f"/tail?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_what_was_refused_is_not_dispatched(rio: Rio, watched: set[str]) -> None:
    for content, content_type in (
        (b"{", "application/cloudevents+json"),
        (b"[]", "application/cloudevents+json"),
        (b'{"specversion": "1.0", "type": "refused.a", "source": "/x"}', "application/cloudevents+json"),
        (b'{"specversion": "1.0", "type": "refused..a", "source": "/x", "id": "1"}', "application/json"),
        (b'[{"specversion": "2.0", "type": "refused.a"}]', "application/cloudevents-batch+json"),
    ):
        answer = rio.client.post("/events", content=content, headers={"Content-Type": content_type})
        assert 400 <= answer.status_code < 500
        assert answer.headers["Content-Type"] == "application/problem+json"
    last = str(uuid4())
    assert rio.emit("refused.not", last).status_code == 202
    wait_until(lambda: last in [one.id for one in rio.sink.to(WATCHED)], what="the accepted event")
    assert {one.id for one in rio.sink.to(WATCHED)} <= {*watched, last}


def _accepted(answer: Any) -> list[str]:
    """The ids an answer to an emission says Rio has."""
    return answer["accepted"] if "accepted" in answer else [answer["id"]]


def _can_be_wrong(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation or any(
        parameter["in"] == "query" and parameter["schema"] != {"type": "string"}
        for parameter in operation.get("parameters", ())
    )
