"""Tests of every service whose POST takes an Idempotency-Key."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from services.tests.postgres import Rows

Holds = Callable[[httpx.Client, Rows, str, dict[str, Any]], None]
KEY = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}


def repeated_is_done_once(client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]) -> None:
    first, second = (client.post(path, json=body, headers=KEY) for _ in range(2))
    assert first.is_success
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert rows("SELECT count(*) FROM outbox") == [(1,)]


def same_document_written_otherwise_is_the_same(
    client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]
) -> None:
    client.post(path, json=body, headers=KEY)
    turned = dict(reversed(body.items()))
    assert client.post(path, json=turned, headers=KEY).headers["Idempotent-Replayed"] == "true"
    assert rows("SELECT count(*) FROM outbox") == [(1,)]


def another_body_is_refused(
    client: httpx.Client, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    client.post(path, json=body, headers=KEY)
    answer = client.post(path, json=other, headers=KEY)
    assert (answer.status_code, answer.json()["title"]) == (422, "Idempotency-Key used before")


def another_caller_has_keys_of_its_own(
    client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]
) -> None:
    for user in ("ada", "bob"):
        assert client.post(path, json=body, headers=KEY | {"X-User-Id": user}).is_success
    assert rows("SELECT count(*) FROM outbox") == [(2,)]


def a_failure_is_not_remembered(client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]) -> None:
    rows("ALTER TABLE outbox ADD CONSTRAINT shut CHECK (false)")
    try:
        assert client.post(path, json=body, headers=KEY).status_code == 500
    finally:
        rows("ALTER TABLE outbox DROP CONSTRAINT shut")
    answer = client.post(path, json=body, headers=KEY)
    assert answer.is_success
    assert "Idempotent-Replayed" not in answer.headers


def an_old_key_is_forgotten(client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]) -> None:
    client.post(path, json=body, headers=KEY)
    rows("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    assert "Idempotent-Replayed" not in client.post(path, json=body, headers=KEY).headers
    rows("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    client.post(path, json=body, headers={"Idempotency-Key": '"another"'})
    assert rows("SELECT key FROM idempotency_keys") == [('"another"',)]


def many_at_once_are_done_once(client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]) -> None:
    barrier = threading.Barrier(6)

    def send(_: int) -> httpx.Response:
        barrier.wait(timeout=10)
        return client.post(path, json=body, headers=KEY)

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(send, range(6)))
    good = [answer for answer in answers if answer.is_success]
    assert {answer.status_code for answer in answers} - {good[0].status_code} <= {409}
    assert len({answer.text for answer in good}) == 1
    assert rows("SELECT count(*) FROM outbox") == [(1,)]


def in_progress_is_said(client: httpx.Client, rows: Rows, path: str, body: dict[str, Any]) -> None:
    """While a transaction that has the key's lock is open."""
    with psycopg.connect(rows.url, connect_timeout=3) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s || ' ' || %s, 5))", ("", KEY["Idempotency-Key"])
        )
        answer = client.post(path, json=body, headers=KEY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert client.post(path, json=body, headers=KEY).is_success


EVERY: tuple[Holds, ...] = (
    repeated_is_done_once,
    same_document_written_otherwise_is_the_same,
    another_caller_has_keys_of_its_own,
    a_failure_is_not_remembered,
    an_old_key_is_forgotten,
    many_at_once_are_done_once,
    in_progress_is_said,
)
