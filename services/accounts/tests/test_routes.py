import json
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tests.events import JSON, TRACE_ID, TRACEPARENT, twisted
from services.tests.manifest import Manifest
from services.tests.postgres import Databases, Rows

UNKNOWN = "9d0c6a52-3f7e-4b0d-8a39-5e2f7c1b6a40"  # stands in names of tests: the same in every process
ADA = {"name": "Ada", "email": "ada@example.org"}


def test_creates_an_account_and_its_event(client: httpx.Client, rows: Rows) -> None:
    answer = client.post("/accounts", json=ADA, headers={"traceparent": TRACEPARENT})

    assert answer.status_code == 201
    account = answer.json()
    assert account == {**ADA, "id": account["id"], "created_at": account["created_at"]}
    assert client.get(answer.headers["Location"]).json() == account
    [(type_, source, subject, data, traceparent)] = rows(
        "SELECT type, source, subject, data, traceparent FROM outbox"
    )
    assert (type_, source, subject) == ("account.created", "/accounts", account["id"])
    assert data == {"account_id": account["id"], **ADA}
    Manifest.of("accounts").check(type_, data)
    assert traceparent.split("-")[1] == TRACE_ID
    assert traceparent != TRACEPARENT


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "  "}, "#/name"),
        ({"name": "x" * 201}, "#/name"),
        ({"name": 1}, "#/name"),
        ({"name": None}, "#/name"),
        ({"email": "ada"}, "#/email"),
        ({"email": "a@b@example.org"}, "#/email"),
        ({"email": "ada@example.org\n"}, "#/email"),
        ({"email": "a" * 250 + "@example.org"}, "#/email"),
        ({"role/~": "admin"}, "#/role~1~0"),
    ],
)
def test_points_at_what_is_wrong(
    client: httpx.Client, rows: Rows, change: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/accounts", json={**ADA, **change})

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert rows("SELECT count(*) FROM accounts") == [(0,)]


def test_names_every_missing_field(client: httpx.Client) -> None:
    errors = client.post("/accounts", json={}).json()["errors"]
    assert {error["pointer"] for error in errors} == {"#/name", "#/email"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"name": NaN}', 400),
        (b'{"name": "", "name": "A", "email": "a@example.org"}', 400),
        (b'{"name": "\xff"}', 400),
        (b'{"name": "\\u0000", "email": "a@example.org"}', 400),
        (b'{"name": "\\ud800", "email": "a@example.org"}', 400),
        (b"[" * 100_000, 400),
        (b" " * 2_000_000, 413),
    ],
)
def test_refuses_what_is_no_document(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/accounts", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_refuses_another_media_type(client: httpx.Client) -> None:
    assert client.post("/accounts", content=json.dumps(ADA)).status_code == 415


@pytest.mark.parametrize("path", [f"/accounts/{UNKNOWN}", "/accounts/1", "/accounts/%00", "/accounts/"])
def test_does_not_find_unknown_ids(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404) if "%00" in path else answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/accounts", {"GET", "POST"}), ("DELETE", f"/accounts/{UNKNOWN}", {"GET"})],
)
def test_says_which_methods_it_knows(client: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert allowed <= {name.strip() for name in answer.headers["Allow"].split(",")}


def test_lists_accounts_page_by_page(client: httpx.Client) -> None:
    created = {client.post("/accounts", json=ADA).json()["id"] for _ in range(5)}

    seen: list[str] = []
    while items := client.get(
        "/accounts", params={"limit": 2, **({"after": seen[-1]} if seen else {})}
    ).json()["items"]:
        assert len(items) <= 2
        seen += [item["id"] for item in items]
    assert len(seen) == 5
    assert set(seen) == created


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=1", "page=2"])
def test_refuses_a_wrong_query(client: httpx.Client, query: str) -> None:
    assert client.get(f"/accounts?{query}").status_code == 422


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=(JSON | twisted(ADA)).map(json.dumps).map(str.encode) | st.binary())
def test_no_document_breaks_it(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/accounts", content=body, headers={"Content-Type": "application/json"})
    assert 200 <= answer.status_code < 500


def test_does_not_wait_for_a_slow_database(client: httpx.Client, rows: Rows) -> None:
    with psycopg.connect(rows.url) as blocker:
        blocker.execute("LOCK TABLE accounts")
        answer = client.post("/accounts", json=ADA)

    assert answer.status_code == 503
    assert rows("SELECT count(*) FROM outbox") == [(0,)]


def test_survives_a_restart_of_the_database(client: httpx.Client, databases: Databases) -> None:
    client.post("/accounts", json=ADA)
    databases.server.stop()
    try:
        answer = client.post("/accounts", json=ADA)
        ready = client.get("/health/ready")
    finally:
        databases.server.start()

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.elapsed.total_seconds() < 4
    assert ready.status_code == 503
    assert client.post("/accounts", json=ADA).status_code == 201
