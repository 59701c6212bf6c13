"""Authorization by `auth`, `scopes` and `owner` of routes, over real HTTP."""

from pathlib import Path

import pytest

from gateway.authentication.tests.issuer import SUBJECT
from gateway.config.loader import load_router
from gateway.config.settings import ROUTES_FILE
from gateway.context import Context
from gateway.tests.api import answering, bearer, running, said
from observability import Telemetry
from observability.configuration.errors import FaultyDocument

OTHER = "6f6b3c1e-8d0c-4f36-9d3c-8c3f5a0d7a11"
SERVICES = {"accounts": 1, "orders": 1, "inventory": 1, "notifications": 1}
#: What the example lets everybody do.
OPEN = {"create-account", "stock", "stock-item", "openapi"}
ROUTES = """\
routes:
  - {id: closed, method: GET, path: /closed, auth: required, mock: {}}
  - id: account
    method: GET
    path: /accounts/{account_id}
    auth: required
    owner: path.account_id
    parameters: {account_id: {type: string, format: uuid}}
    proxy: {service: accounts, path: "/accounts/{path.account_id}"}
  - id: search
    method: GET
    path: /search
    auth: required
    owner: query.of
    parameters: {of: {}}
    compose: {orders: {service: orders, path: /orders}}
  - id: place
    method: POST
    path: /orders
    auth: required
    owner: body.customer.id
    body: {type: object}
    proxy: {service: orders, path: /orders}
"""
ANSWERS = {f"/accounts/{SUBJECT}": said({"id": SUBJECT}), "/orders": said([])}


@pytest.mark.example
def test_the_examples_routes_are_closed_but_for_those_that_say_so() -> None:
    table = load_router(ROUTES_FILE, SERVICES, Context.null())
    assert {route.id for route in table.routes if route.auth != "required"} == OPEN
    assert {route.id for route in table.routes if "stock:write" in route.scopes} == {"set-stock"}
    assert all(route.declared.get("auth") == "none" for route in table.routes if route.id in OPEN)


def test_a_route_that_says_nothing_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text("routes: [{id: a, method: GET, path: /a, mock: {}}]")
    assert load_router(file, SERVICES, Context.null()).routes[0].auth == "required"


async def test_a_closed_route_needs_a_token(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        refused = await api.get("/closed")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="nextphase"')
        assert (await api.get("/closed", headers=bearer())).status_code == 200


async def test_what_a_path_or_query_names_is_there_for_its_owner_alone(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering(ANSWERS)) as api:
        assert (await api.get(f"/accounts/{SUBJECT}", headers=bearer())).json() == {"id": SUBJECT}
        assert (await api.get(f"/search?of={SUBJECT}", headers=bearer())).status_code == 200
        asked = len(api.service.asked)
        for path in (f"/accounts/{OTHER}", f"/search?of={OTHER}", "/search?of=", "/search"):
            answer = await api.get(path, headers=bearer())
            assert (answer.status_code, answer.json()["status"]) == (404, 404), path
        assert (await api.get(f"/accounts/{SUBJECT}", headers=bearer(sub=OTHER))).status_code == 404
        assert (await api.get(f"/accounts/{SUBJECT}")).status_code == 401
        assert len(api.service.asked) == asked, "a service was asked for what is another's"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"customer": {"id": SUBJECT}}, 200),
        ({"customer": {"id": OTHER}}, 403),
        ({"customer": {"id": None}}, 403),
        ({"customer": {"id": [SUBJECT]}}, 403),
        ({"customer": SUBJECT}, 403),
        ({}, 403),
    ],
)
async def test_what_a_body_is_about_is_its_owners(
    telemetry: Telemetry, tmp_path: Path, body: dict[str, object], status: int
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering(ANSWERS)) as api:
        answer = await api.client.post("/orders", json=body, headers=bearer())
        assert (answer.status_code, len(api.service.asked)) == (status, int(status == 200))
    if status == 403:
        assert [error["pointer"] for error in answer.json()["errors"]] == ["#/customer/id"]


@pytest.mark.parametrize(
    ("changed", "to", "fault"),
    [
        ("owner: path.account_id", "owner: path.id", r"routes\.1\.owner: the path has no parameter id"),
        ("owner: query.of", "owner: query.off", r"routes\.2\.owner: no query parameter off"),
        ("owner: body.customer.id", "owner: caller.subject", r"routes\.3\.owner: has to be a value of"),
        ("    body: {type: object}\n", "", r"routes\.3\.owner: the route declares no body"),
        ("auth: required\n    owner: query", "auth: optional\n    owner: query", "needs `auth: required`"),
    ],
)
def test_faults(tmp_path: Path, changed: str, to: str, fault: str) -> None:
    assert changed in ROUTES
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES.replace(changed, to))
    with pytest.raises(FaultyDocument, match=fault):
        load_router(file, SERVICES, Context.null())
