"""The table in effect, as people see it."""

import json
from pathlib import Path

from gateway.config.effective import effective
from gateway.config.tests.test_loader import read

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


def test_a_parts_call_and_shape_are_shown(tmp_path: Path) -> None:
    parts = json.loads(effective(read(tmp_path, ROUTES)))["routes"][0]["parts"]
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
