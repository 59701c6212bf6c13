"""Handlers: what routes do that cannot be declared."""

from urllib.parse import quote

from gateway.aggregation import json_document
from gateway.config.openapi import describe
from gateway.endpoints.forwarding import pass_on, unavailable
from gateway.endpoints.handler import Tools
from gateway.messages import Request, Response
from gateway.service_client import Call, ServiceError
from observability.http.problem import Problem

JSON = "application/json"


async def place_order(request: Request, tools: Tools) -> Response:
    """`POST /v1/orders`: the account is looked up first, because orders knows accounts by id only."""
    account_id = (request.document or {})["account_id"]
    target = f"/accounts/{quote(account_id, safe='')}"
    lookup = Call("accounts", "GET", target, path="GET /accounts/{body.account_id}")
    found = await tools.call(request, lookup)
    if found.status == 404:
        errors = [{"pointer": "#/account_id", "detail": "no account has this id"}]
        raise Problem(422, "Account not found", detail="An order needs an existing account.", errors=errors)
    if 400 <= found.status < 500:
        return pass_on(found)  # such as 429: whether there is such an account is not known
    if not found.ok:
        raise unavailable(ServiceError("accounts", 502, f"the service answered {found.status}"))
    headers = [("Content-Type", JSON)]
    if key := request.headers.get("Idempotency-Key"):
        headers.append(("Idempotency-Key", key))
    placed = await tools.call(
        request, Call("orders", "POST", "/orders", headers, request.body, path="POST /orders")
    )
    return pass_on(placed, "/v1")


async def openapi(_: Request, tools: Tools) -> Response:
    """`GET /v1/openapi.json`: the routes as an OpenAPI document."""
    return Response(200, [("Content-Type", JSON)], json_document.encode(describe(tools.router())))
