"""Handlers of the example's own routes, over real HTTP on both sides."""

from pathlib import Path

import pytest

from gateway.tests.api import answering, running, said
from gateway.tests.services import reply
from observability import Telemetry

ROUTES = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - {id: place, method: POST, path: /v1/orders, body: {type: object}, handler: gateway.handlers.place_order}
"""
ORDER = {"account_id": "a/b"}
ACCOUNT = "/accounts/a%2Fb"


async def test_an_order_is_placed_for_an_account_that_is_known(telemetry: Telemetry, tmp_path: Path) -> None:
    placed = reply(202, b'{"id": 1}', Location="/orders/1")
    async with running(telemetry, tmp_path, ROUTES, answering({ACCOUNT: said({}), "/orders": placed})) as api:
        answer = await api.client.post("/v1/orders", json=ORDER, headers={"Idempotency-Key": '"k"'})
        found, asked = api.service.asked
    assert (answer.status_code, answer.headers["Location"]) == (202, "/v1/orders/1")
    assert (found.target, asked.target, asked.headers["idempotency-key"]) == (ACCOUNT, "/orders", '"k"')


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, 422),
        (400, 400),
        (401, 401),
        (409, 409),
        (429, 429),
        (302, 502),
        (403, 403),
        (500, 502),
        (503, 503),
    ],
)
async def test_no_order_is_placed_for_any_other(
    telemetry: Telemetry, tmp_path: Path, status: int, told: int
) -> None:
    behave = answering({ACCOUNT: reply(status, Retry_After="7"), "/orders": reply(202)})
    async with running(telemetry, tmp_path, ROUTES, behave) as api:
        answer = await api.client.post("/v1/orders", json=ORDER)
        assert [asked.target for asked in api.service.asked] == [ACCOUNT]
    assert answer.status_code == told
    assert answer.headers.get("Retry-After") == ("7" if status == told else None)
