"""The OpenAPI document: valid, and with every route in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from schemathesis.openapi import from_dict

from gateway.config.loader import load_router
from gateway.config.openapi import describe
from gateway.config.router import Router
from gateway.config.settings import ROUTES_FILE
from gateway.config.tests.test_loader import SERVICES, read
from gateway.context import Context

_EXPRESSION = re.compile(r"\{([^{}]*)\}")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def described(table: Router) -> dict[str, Any]:
    """The table's document, once it is found valid: by OpenAPI's schema, and by what that cannot say."""
    document: dict[str, Any] = json.loads(json.dumps(describe(table)))
    from_dict(document).validate()
    alike = [_EXPRESSION.sub("{}", path) for path in document["paths"]]
    assert len(set(alike)) == len(alike), document["paths"].keys()
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert sorted(ids) == sorted(route.id for route in table.routes)
    for path, _, operation in operations(document):
        parameters = [(each["in"], each["name"]) for each in operation.get("parameters", ())]
        assert len(set(parameters)) == len(parameters)
        assert [name for place, name in parameters if place == "path"] == _EXPRESSION.findall(path)
    return document


@pytest.mark.example
def test_the_examples_own_document_is_valid() -> None:
    assert described(load_router(ROUTES_FILE, SERVICES, Context.null()))


RESTS = [
    ["/f/{x*}"],
    ["/f/{x}", "/f/{x*}"],
    ["/f/{rest*}", "/f/{x}", "/f/{x}/{y}"],
    ["/f/{rest*}", "/f/{x}/{more*}"],
    ["/f/{rest*}", "/{rest*}", "/{a}/{b}", "/f/a"],
]


@pytest.mark.parametrize("paths", RESTS)
def test_every_route_is_in_it_by_a_path_that_leads_to_it(tmp_path: Path, paths: list[str]) -> None:
    routes = [
        {"id": f"r{number}", "method": method, "path": path, "mock": {}}
        for number, (path, method) in enumerate((path, method) for path in paths for method in ("GET", "PUT"))
    ]
    table = read(tmp_path, json.dumps({"routes": routes}))
    for path, method, operation in operations(described(table)):
        found, _ = table.find(method, _EXPRESSION.sub("any", path))
        assert found.id == operation["operationId"]
