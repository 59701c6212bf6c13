import httpx
import pytest

from services.tests import repeated
from services.tests.postgres import Rows

ADA = {"name": "Ada", "email": "ada@example.org"}
BOB = {"name": "Bob", "email": "bob@example.org"}


@pytest.mark.parametrize("holds", repeated.EVERY)
def test_repeated(client: httpx.Client, rows: Rows, holds: repeated.Holds) -> None:
    holds(client, rows, "/accounts", ADA)


def test_another_body(client: httpx.Client) -> None:
    repeated.another_body_is_refused(client, "/accounts", ADA, BOB)


@pytest.mark.parametrize("key", ["", "x" * 513])
def test_a_malformed_key(client: httpx.Client, key: str) -> None:
    assert client.post("/accounts", json=ADA, headers={"Idempotency-Key": key}).status_code == 400
