"""The example's API through the edge: what is open, what needs whose token, and what is another's."""

import httpx
import pytest

from compose.cli.traffic import Traffic
from tests.conftest import Stack, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]

STRANGER = "00000000-0000-4000-8000-000000000000"


def issued(*arguments: str) -> dict[str, str]:
    """The header with a token that the command issues."""
    done = nextphase("token", *arguments)
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def assert_unauthorized(response: httpx.Response) -> None:
    assert response.status_code == 401, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_what_is_open(traffic: Traffic, sku: str) -> None:
    created = await traffic.request("POST", "/v1/accounts", json={"name": "Ada", "email": "a@b.example"})
    assert created.status_code == 201
    for path in ("/v1/stock", f"/v1/stock/{sku}", "/v1/openapi.json"):
        assert (await traffic.request("GET", path)).status_code == 200, path


async def test_what_is_not_open(traffic: Traffic, sku: str) -> None:
    account = await traffic.create_account("Ada", "ada@example.com")
    placed = await traffic.place_order(account, {sku: 1})
    for path in (f"/v1/accounts/{account}", f"/v1/orders/{placed.order_id}", "/v1/me/orders"):
        assert_unauthorized(await traffic.request("GET", path))
    order = {"account_id": account, "lines": [{"sku": sku, "quantity": 1}]}
    assert_unauthorized(await traffic.request("POST", "/v1/orders", json=order))
    assert_unauthorized(await traffic.request("PUT", f"/v1/stock/{sku}", json={"on_hand": 0}))
    assert (await traffic.request("GET", f"/v1/stock/{sku}")).json()["on_hand"] == 1000


async def test_an_account_and_its_orders_are_its_own(traffic: Traffic, sku: str) -> None:
    account = await traffic.create_account("Ada", "ada@example.com")
    other = await traffic.create_account("Eve", "eve@example.com")
    placed = await traffic.place_order(account, {sku: 1})
    for subject in (other, STRANGER, "demo"):
        headers = traffic.bearer(subject)
        for path in (f"/v1/accounts/{account}", f"/v1/orders/{placed.order_id}"):
            refused = await traffic.request("GET", path, headers=headers)
            assert refused.status_code == 404, (path, refused.text)
            assert "ada@example.com" not in refused.text
        order = {"account_id": account, "lines": [{"sku": sku, "quantity": 1}]}
        refused = await traffic.request("POST", "/v1/orders", json=order, headers=headers)
        assert refused.status_code == 403, refused.text
    assert (await traffic.order(placed))["account"]["email"] == "ada@example.com"


async def test_the_command_issues_each_token(stack: Stack, traffic: Traffic, sku: str) -> None:
    account = await traffic.create_account("Ada", "ada@example.com")
    own = issued("--subject", account)
    order = {"account_id": account, "lines": [{"sku": sku, "quantity": 1}]}
    placed = await traffic.request("POST", "/v1/orders", json=order, headers=own)
    assert placed.status_code == 202, placed.text
    for path in (placed.headers["Location"], f"/v1/accounts/{account}", "/v1/me/orders"):
        assert (await traffic.request("GET", path, headers=own)).status_code == 200, path

    refused = await traffic.request("PUT", f"/v1/stock/{sku}", json={"on_hand": 5}, headers=own)
    assert refused.status_code == 403
    assert 'scope="stock:write"' in refused.headers["WWW-Authenticate"]
    keeper = issued("--subject", "keeper", "--scope", "stock:write")
    set_ = await traffic.request("PUT", f"/v1/stock/{sku}", json={"on_hand": 5}, headers=keeper)
    assert set_.status_code == 200, set_.text
