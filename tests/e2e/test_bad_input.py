"""Bad input from outside gets a problem document with the right 4xx, and the trace shows it."""

import json
import socket
from typing import Any

import httpx
import pytest
import yaml

from compose.cli.traffic import Traffic
from tests.conftest import Stack, eventually

pytestmark = [pytest.mark.stack, pytest.mark.example]

JSON = {"Content-Type": "application/json"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
#: Of the token that every request has.
SUBJECT, SCOPES = UNKNOWN, ("orders:read", "stock:write")


LINES = [{"sku": "x", "quantity": 1}]
TEXT = {"Content-Type": "text/plain"}
EMAIL = "a@b.example"
CLOSE = b"Connection: close\r\n\r\n"


def case(name: str, status: int, method: str, path: str, **options: Any) -> Any:
    return pytest.param(status, method, path, options, id=name)


CASES = [
    case("malformed JSON", 400, "POST", "/v1/orders", content=b'{"account_id":', headers=JSON),
    case("invalid UTF-8", 400, "POST", "/v1/accounts", content=b'{"name":"\xff\xfe"}', headers=JSON),
    case("not an object", 400, "POST", "/v1/accounts", json=[1, 2, 3]),
    case("empty body", 400, "POST", "/v1/accounts", content=b"", headers=JSON),
    case("wrong content type", 415, "POST", "/v1/accounts", content=b"name=Ada", headers=TEXT),
    case("missing field", 422, "POST", "/v1/accounts", json={"name": "Ada"}),
    case("unknown field", 422, "POST", "/v1/accounts", json={"name": "A", "email": EMAIL, "admin": True}),
    case("wrong type", 422, "POST", "/v1/accounts", json={"name": 7, "email": EMAIL}),
    case("NUL character", 400, "POST", "/v1/accounts", json={"name": "a\u0000b", "email": EMAIL}),
    case("unknown account", 422, "POST", "/v1/orders", json={"account_id": UNKNOWN, "lines": LINES}),
    case("account of a wrong type", 422, "POST", "/v1/orders", json={"account_id": 5, "lines": LINES}),
    case("unknown order", 404, "GET", f"/v1/orders/{UNKNOWN}"),
    case("path that reads two ways", 400, "GET", "/v1/orders/..%2f..%2fetc"),
    case("order id of hostile bytes", 400, "GET", "/v1/orders/%ff%0d%0a"),
    case("unknown stock", 404, "GET", "/v1/stock/no-such-thing"),
    case("a member twice", 400, "PUT", "/v1/stock/tea", content=b'{"on_hand":-5,"on_hand":5}', headers=JSON),
    case("float for int", 422, "PUT", "/v1/stock/tea", json={"on_hand": 1.5}),
    case("bool for int", 422, "PUT", "/v1/stock/tea", json={"on_hand": True}),
    case("negative", 422, "PUT", "/v1/stock/tea", json={"on_hand": -1}),
    case("too large a number", 422, "PUT", "/v1/stock/tea", json={"on_hand": 10**30}),
    case("wrong method", 405, "DELETE", "/v1/orders"),
    case("unknown method", 405, "FROB", "/v1/orders"),
    case("unknown path", 404, "GET", "/v1/nothing/here"),
    case("outside the API", 404, "GET", "/metrics"),
    case("huge body", 413, "POST", "/v1/orders", content=b"[" * (2 * 1024 * 1024), headers=JSON),
    case("deep nesting", 400, "POST", "/v1/orders", content=b"[" * 100_000, headers=JSON),
    case("long path", 414, "GET", "/v1/orders/" + "a" * 40_000),
]


@pytest.mark.parametrize(("status", "method", "path", "options"), CASES)
async def test_refused_with_a_problem(
    stack: Stack, traffic: Traffic, status: int, method: str, path: str, options: dict[str, Any]
) -> None:
    headers = traffic.bearer(SUBJECT, *SCOPES) | options.get("headers", {})
    response = await traffic.request(method, path, **options | {"headers": headers})
    assert response.status_code == status, response.text
    assert_problem(response)
    trace_id = response.headers["X-Trace-Id"]

    def shown() -> None:
        statuses = [
            int(span.tags["http.response.status_code"])
            for span in stack.telemetry.trace(trace_id)
            if span.service == "edge-nginx"
        ]
        assert statuses == [status]

    eventually(shown)


def assert_problem(response: httpx.Response) -> None:
    assert response.headers["Content-Type"].startswith("application/problem+json")
    document = response.json()
    assert document["status"] == response.status_code
    assert document["title"]
    assert document["trace_id"] == response.headers["X-Trace-Id"]


async def test_a_body_as_large_as_the_edge_takes_passes_every_hop(stack: Stack, traffic: Traffic) -> None:
    account = json.dumps({"name": "Ada", "email": "ada@example.com"}).encode()
    most = yaml.safe_load((stack.layout.root / "compose/platform.yaml").read_text())["edge"]["body_bytes"]
    response = await traffic.request("POST", "/v1/accounts", content=account.rjust(most), headers=JSON)
    assert response.status_code == 201, response.text
    response = await traffic.request("POST", "/v1/accounts", content=account.rjust(most + 1), headers=JSON)
    assert response.status_code == 413
    assert_problem(response)


async def test_bad_lines_are_pointed_at(traffic: Traffic) -> None:
    account = await traffic.create_account("Ada", "ada@example.com")
    body = {"account_id": account, "lines": [{"sku": "tea", "quantity": 1}, {"sku": "", "quantity": 0}]}
    response = await traffic.request("POST", "/v1/orders", json=body, headers=traffic.bearer(account))
    assert response.status_code == 422
    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert {"#/lines/1/sku", "#/lines/1/quantity"} <= pointers


@pytest.mark.parametrize("credential", [None, "", "wrong"])
def test_services_nginx_refuses_strangers(stack: Stack, credential: str | None) -> None:
    headers = {} if credential is None else {"X-Platform-Credential": credential}
    url = f"http://{stack.layout.address('services-nginx')}/accounts/{UNKNOWN}"
    response = httpx.get(url, headers=headers, trust_env=False)
    assert response.status_code == 403
    assert_problem(response)

    def counted_and_logged() -> None:
        refused = 'service_name="services-nginx",http_response_status_code="403"'
        assert stack.telemetry.metric(f"sum(traces_span_metrics_calls_total{{{refused}}})")
        lines = stack.telemetry.trace_logs(response.headers["X-Trace-Id"])
        assert [line.service for line in lines] == ["services-nginx"]

    eventually(counted_and_logged)


@pytest.mark.parametrize(
    "line",
    [
        b'GET /v1/orders/\xff\xfe HTTP/1.1\r\nHost: x\r\nUser-Agent: \xc3\x28"\\\r\n' + CLOSE,
        b"GET /v1/\x01\x02 HTTP/1.1\r\nHost: x\r\n" + CLOSE,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
        b"\r\n0\r\n\r\n",
        b"GET /v1/stock HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    ],
)
async def test_hostile_bytes_do_not_break_telemetry(stack: Stack, traffic: Traffic, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", stack.layout.port("edge-nginx")), timeout=10) as raw:
        raw.sendall(line)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split(b" ")[1].startswith(b"4")
    # The next request's span still arrives: the line before it did not stop the file from being read.
    trace_id = (await traffic.request("GET", "/v1/stock")).headers["X-Trace-Id"]
    eventually(lambda: _assert_hop(stack, trace_id, "edge-nginx"))


def _assert_hop(stack: Stack, trace_id: str, service: str) -> None:
    assert service in {span.service for span in stack.telemetry.trace(trace_id)}
