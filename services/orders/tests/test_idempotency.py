import uuid

import httpx
import pytest

from services.tests import repeated
from services.tests.postgres import Rows

ORDER = {"account_id": str(uuid.uuid4()), "lines": [{"sku": "lamp", "quantity": 2}]}
OTHER = ORDER | {"lines": [{"sku": "lamp", "quantity": 3}]}


@pytest.mark.parametrize("holds", repeated.EVERY)
def test_repeated(client: httpx.Client, rows: Rows, holds: repeated.Holds) -> None:
    holds(client, rows, "/orders", ORDER)


def test_another_body(client: httpx.Client) -> None:
    repeated.another_body_is_refused(client, "/orders", ORDER, OTHER)


@pytest.mark.parametrize("key", ["", "x" * 513])
def test_a_malformed_key(client: httpx.Client, key: str) -> None:
    assert client.post("/orders", json=ORDER, headers={"Idempotency-Key": key}).status_code == 400
