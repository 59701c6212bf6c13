"""Bodies held against their schemas: what is said of bad ones, and how much."""

from typing import Any

import pytest
import yaml

from gateway.config.body_check import MAX_ERRORS, body_check
from gateway.config.settings import ROUTES_FILE
from observability.http.problem import Problem

pytestmark = pytest.mark.example

SCHEMAS = yaml.safe_load(ROUTES_FILE.read_text())["schemas"]
LINE = {"sku": "tea", "quantity": 2}
ORDER = {"account_id": "3f0cb1b0-5f0e-4a43-8d5c-7c8e2f1b6a90", "lines": [LINE]}


def refusal(schema: dict[str, Any], document: dict[str, Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        body_check(schema, SCHEMAS)(document)
    return caught.value


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_good_bodies() -> None:
    body_check(named("NewOrder"), SCHEMAS)(ORDER)
    body_check(named("NewOrder"), SCHEMAS)(ORDER | {"lines": [LINE] * 100})


def test_each_fault_has_its_pointer() -> None:
    line = {"sku": "?", "quantity": 0, "a/b": 1}
    problem = refusal(named("NewOrder"), {"account_id": "x", "lines": [LINE, line], "more": 1})
    assert problem.status == 422
    assert {error["pointer"] for error in problem.errors} == {
        "#/more",
        "#/account_id",
        "#/lines/1/a~1b",
        "#/lines/1/sku",
        "#/lines/1/quantity",
    }
    assert refusal(named("NewOrder"), {"lines": [LINE]}).errors == [
        {"pointer": "#/account_id", "detail": "is missing"}
    ]


def test_no_more_is_told_than_can_be_read() -> None:
    schema = {"properties": {"rows": {"items": {"items": {"type": "string"}}}}}
    problem = refusal(schema, {"rows": [[0] * 100]})
    assert [error["pointer"] for error in problem.errors] == [f"#/rows/0/{n}" for n in range(MAX_ERRORS)]
    problem = refusal(schema, {"rows": [[0] * 500] * 500})
    assert [error["pointer"] for error in problem.errors] == ["#/rows/0/0"], "a large body has one fault"


def test_a_list_that_is_too_long_is_one_fault() -> None:
    problem = refusal(named("NewOrder"), ORDER | {"lines": [0] * 125_000})
    assert [error["pointer"] for error in problem.errors] == ["#/lines"]


def test_a_body_of_which_too_much_would_be_looked_at() -> None:
    """Only where a schema includes itself: at each level of the body all of it is looked at anew."""
    node = {"properties": {"a": named("Node"), "x": {"items": {"type": "string"}}}}
    with pytest.raises(Problem) as caught:
        body_check(node, {"Node": node})({"a": {"x": ["x"] * 2000}})
    problem = caught.value
    assert (problem.status, problem.errors) == (422, [])
    assert problem.detail == "The body is not looked at: a list has more than 1000 items."


def test_a_body_that_is_nested_too_deeply() -> None:
    node = {"properties": {"a": named("Node")}}
    document: dict[str, Any] = {}
    for _ in range(900):
        document = {"a": document}
    with pytest.raises(Problem) as caught:
        body_check(node, {"Node": node})(document)
    assert (caught.value.status, caught.value.detail) == (400, "The JSON is nested too deeply.")


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("ada@example.com", True),
        ("ada@a.b.c", True),
        ("ada@a..c", True),
        ("ada@..c", True),
        ("ada@.c", False),
        ("ada@c.", False),
        ("ada@example", False),
        ("@example.com", False),
        ("a@da@example.com", False),
        ("a da@example.com", False),
    ],
)
def test_addresses(address: str, good: bool) -> None:
    account = {"name": "Ada", "email": address}
    if good:
        body_check(named("NewAccount"), SCHEMAS)(account)
    else:
        assert refusal(named("NewAccount"), account).status == 422


def test_an_address_takes_no_longer_than_it_is_long() -> None:
    """Neither what refuses it nor the pattern alone, which has to read it once."""
    account = {"name": "Ada", "email": "a@" + "." * 250_000 + "@"}
    errors = refusal(named("NewAccount"), account).errors
    assert {error["pointer"] for error in errors} == {"#/email"}
    (address,) = (SCHEMAS["NewAccount"]["properties"]["email"],)
    alone = {"properties": {"email": {**address, "maxLength": 10**6}}}
    assert refusal(alone, account).status == 422
