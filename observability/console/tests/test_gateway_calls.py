import json
from typing import Any

import pytest

from observability.console import gateway_calls
from observability.console.tests.consoles import Console

CALLS = "/api/gateway/calls"
TOKEN = "Bearer a.callers.token"
DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/v1/stock": {"get": {"operationId": "stock"}},
        "/v1/stock/{sku}": {
            "put": {
                "operationId": "set-stock",
                "security": [{"bearer": ["stock:write"]}],
                "parameters": [{"name": "Idempotency-Key", "in": "header"}, {"name": "sku", "in": "path"}],
            },
        },
        "/v1/accounts/{id}": {"get": {"operationId": "account", "security": [{"bearer": []}]}},
    },
}
ACCOUNT = {"id": "7", "email": "ada@example.com"}


@pytest.fixture
def gateway(console: Console) -> Console:
    console.stores.answer("GET", "/gateway/v1/openapi.json", DESCRIPTION)
    console.stores.answer("GET", "/gateway/v1/stock", {"tea": 3})
    console.stores.answer("GET", "/gateway/v1/accounts/7", ACCOUNT)
    console.stores.answer("PUT", "/gateway/v1/stock/tea", {"sku": "tea"}, 201)
    console.stores.headers["X-Trace-Id"] = "ab" * 16
    return console


def call(console: Console, method: str, path: str, **more: Any) -> Any:
    return console.ask("POST", CALLS, {"method": method, "path": path, **more})


def test_a_public_answer_is_shown(gateway: Console) -> None:
    shown = call(gateway, "GET", "/v1/stock?limit=3").json()
    assert (shown["status"], json.loads(shown["body"])) == (200, {"tea": 3})
    assert shown["trace_id"] == "ab" * 16
    assert shown["seconds"] > 0
    assert ["Content-Type", "application/json"] in shown["headers"]
    assert gateway.stores.asked[-1].path == "/gateway/v1/stock?limit=3"


def test_the_callers_headers_are_sent_and_no_token_of_the_consoles(gateway: Console) -> None:
    call(gateway, "GET", "/v1/stock")
    assert "authorization" not in gateway.stores.asked[-1].headers
    call(gateway, "GET", "/v1/stock", headers={"Authorization": TOKEN, "If-None-Match": '"x"'})
    sent = gateway.stores.asked[-1].headers
    assert (sent["authorization"], sent["if-none-match"]) == (TOKEN, '"x"')
    assert "traceparent" in sent
    assert "cookie" not in sent


def test_the_callers_token_is_written_nowhere(gateway: Console) -> None:
    session = gateway.operate().json()["id"]
    call(gateway, "PUT", "/v1/stock/tea?a=b", headers={"Authorization": TOKEN}, body='{"on_hand": 3}')
    (line,) = gateway.fluent.records(message="Operator action", session=session)
    assert (line["action"], line["target"], line["status"]) == ("call API PUT", "/v1/stock/tea", 201)
    written = (gateway.folder / "stderr").read_text() + str(gateway.fluent.messages)
    assert TOKEN.removeprefix("Bearer ") not in written
    assert "on_hand" not in written


def test_an_answer_about_people_is_hidden(gateway: Console) -> None:
    shown = call(gateway, "GET", "/v1/accounts/7", headers={"Authorization": TOKEN})
    assert ACCOUNT["email"] not in shown.text
    assert (shown.json()["status"], shown.json()["hidden"]) == (200, ["body"])
    gateway.operate()
    shown = call(gateway, "GET", "/v1/accounts/7", headers={"Authorization": TOKEN})
    assert json.loads(shown.json()["body"]) == ACCOUNT


def test_a_problem_is_shown(gateway: Console) -> None:
    gateway.stores.answer("GET", "/gateway/v1/accounts/7", {"title": "Unauthorized"}, 401)
    gateway.stores.headers["Content-Type"] = "application/problem+json"
    assert "Unauthorized" in call(gateway, "GET", "/v1/accounts/7").json()["body"]


def test_what_changes_something_needs_operate_mode(gateway: Console) -> None:
    refused = call(gateway, "PUT", "/v1/stock/tea", body="{}")
    assert refused.status_code == 403
    assert [asked.method for asked in gateway.stores.asked] == ["GET"]  # the description alone
    gateway.operate()
    assert call(gateway, "PUT", "/v1/stock/tea", body="{}").json()["status"] == 201


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_another_origin_is_refused(gateway: Console, origin: str) -> None:
    body = {"method": "GET", "path": "/v1/stock"}
    assert gateway.ask("POST", CALLS, body, Origin=origin).status_code == 403
    assert gateway.stores.asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/other"),
        ("POST", "/v1/stock"),
        ("GET", "/v1/stock/tea"),
        ("GET", "/v1/accounts/7/orders"),
        ("GET", "/health"),
    ],
)
def test_what_the_api_has_not_is_not_called(gateway: Console, method: str, path: str) -> None:
    gateway.operate()
    assert call(gateway, method, path).status_code == 404
    assert len(gateway.stores.asked) == 1


@pytest.mark.parametrize(
    "path",
    [
        "v1/stock",
        "http://127.0.0.1:1/v1/stock",
        "//127.0.0.1:1/v1/stock",
        "/v1/accounts/..",
        "/v1/accounts/%2e%2E",
        "/v1/accounts/%2Fx",
        "/v1/accounts/a%5c..",
        "/v1/accounts/a%00",
        "/v1/accounts/a b",
        "/v1/stock?a=b c",
        "/v1/stock#x",
        "/v1/stock\r\nHost: x",
        "/v1/accounts/é",
        "/" + "x" * 5000,
    ],
)
def test_a_path_that_could_be_read_otherwise_is_refused(gateway: Console, path: str) -> None:
    gateway.operate()
    assert call(gateway, "GET", path).status_code == 400
    assert gateway.stores.asked == []


@pytest.mark.parametrize(
    "headers",
    [{"Host": "x"}, {"Cookie": "a=b"}, {"X-Caller": "x"}, {"Accept": "a\r\nHost: x"}, {"traceparent": "x"}],
)
def test_other_headers_are_refused(gateway: Console, headers: dict[str, str]) -> None:
    assert call(gateway, "GET", "/v1/stock", headers=headers).status_code == 400
    assert len(gateway.stores.asked) == 1


def test_header_parameters_of_the_operation_are_sent(gateway: Console) -> None:
    gateway.operate()
    call(gateway, "PUT", "/v1/stock/tea", headers={"Idempotency-Key": '"k"'})
    assert gateway.stores.asked[-1].headers["idempotency-key"] == '"k"'
    refused = call(gateway, "GET", "/v1/stock", headers={"Idempotency-Key": '"k"'})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": "GET"},
        {"method": "CONNECT", "path": "/v1/stock"},
        {"method": "GET", "path": "/v1/stock", "more": 1},
        {"method": "GET", "path": "/v1/stock", "headers": {"Accept": "x" * 9000}},
        {"method": "GET", "path": 1},
    ],
)
def test_what_is_no_call_is_refused(gateway: Console, body: dict[str, Any]) -> None:
    assert gateway.ask("POST", CALLS, body).status_code == 400
    assert gateway.stores.asked == []


def test_a_header_that_only_looks_like_a_declared_one_is_refused(gateway: Console) -> None:
    gateway.operate()
    headers = {"Idempotency-\N{KELVIN SIGN}ey": '"k"'}
    refused = call(gateway, "PUT", "/v1/stock/tea", headers=headers, body="{}")
    assert (refused.status_code, refused.json()["title"]) == (400, "Invalid call")


def test_a_long_answer_is_cut(gateway: Console) -> None:
    gateway.stores.answer("GET", "/gateway/v1/stock", b"x" * (gateway_calls.MAX_SHOWN_BYTES + 1))
    shown = call(gateway, "GET", "/v1/stock").json()
    assert (len(shown["body"]), shown["cut"]) == (gateway_calls.MAX_SHOWN_BYTES, True)
    assert shown["bytes"] == gateway_calls.MAX_SHOWN_BYTES + 1
