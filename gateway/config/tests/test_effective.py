"""The table in effect, as people see it."""

import json
from pathlib import Path
from typing import Any

from gateway.built_in_middleware import built_in
from gateway.config.effective import effective
from gateway.config.tests.test_loader import read
from gateway.context import Context
from gateway.cors import Cors
from gateway.middleware_stack import Stack
from gateway.rate_limiter import RateLimiter
from gateway.shedder import Shedder

ROUTES = """\
routes:
  - id: a
    method: POST
    path: /a/{id}
    body: {}
    compose:
      one:
        service: orders
        path: /orders/{path.id}
        query: {limit: 5}
        headers: [Accept-Language]
        method: POST
        send_body: true
        when: path.id
        select: [id]
        rename: {id: key}
        flatten: true
      two: {service: accounts, path: "/accounts/{one.id}"}
"""


def shown(folder: Path, routes: str) -> list[dict[str, Any]]:
    """The routes of a text as `/routes` shows them."""
    router = read(folder, routes)
    middleware = built_in(None, RateLimiter(1), Shedder(), Cors(), Context.null())
    stacks = {route.id: Stack.of(route, middleware) for route in router.routes}
    found: list[dict[str, Any]] = json.loads(effective(router, stacks))["routes"]
    return found


def test_the_middleware_of_a_route_is_what_it_declares(tmp_path: Path) -> None:
    text = """\
    routes:
      - {id: plain, method: GET, path: /plain, auth: none, mock: {}}
      - id: full
        method: GET
        path: /full/{id}
        owner: path.id
        rate_limit: {requests: 1, seconds: 1}
        coalesce: true
        cache: true
        compose: {one: {service: orders, path: "/orders/{path.id}"}}
      - {id: write, method: POST, path: /write, auth: none, body: {}, mock: {}}
    """
    plain, full, write = (route["middleware"] for route in shown(tmp_path, text))
    every = ["deadline", "shedding", "parameters", "body"]
    assert plain == every
    assert full == [
        *("deadline", "shedding", "jwt", "rate_limit", "parameters", "body", "owner"),
        *("etag", "cache", "coalescing"),
    ]
    assert write == [
        "invalidation",
        "deadline",
        "shedding",
        "idempotency",
        "parameters",
        "body",
        "validation",
    ]


def test_a_parts_call_and_shape_are_shown(tmp_path: Path) -> None:
    (route,) = shown(tmp_path, ROUTES)
    parts = route["parts"]
    for part in parts.values():
        del part["policy"], part["on_failure"]
    assert parts["one"] == {
        "service": "orders",
        "method": "POST",
        "path": "/orders/{path.id}",
        "query": {"limit": 5},
        "headers": ["Accept-Language"],
        "send_body": True,
        "when": "path.id",
        "needs": [],
        "select": ["id"],
        "rename": {"id": "key"},
        "flatten": True,
    }
    assert parts["two"] == {
        "service": "accounts",
        "method": "GET",
        "path": "/accounts/{one.id}",
        "query": {},
        "headers": [],
        "send_body": False,
        "when": None,
        "needs": ["one"],
        "select": None,
        "rename": {},
        "flatten": False,
    }
