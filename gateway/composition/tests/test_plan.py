"""Plans: what a caller's own value that cannot stand in a call leads to."""

from pathlib import Path

import pytest

from gateway.tests.api import answering, running, said
from observability import Hop

ROUTES = """\
routes:
  - id: query
    method: GET
    path: /query
    parameters: {q: {required: true}}
    compose: {x: {service: orders, path: "/orders/{query.q}"}}
  - {id: path, method: GET, path: "/path/{id}", compose: {x: {service: orders, path: "/orders/{path.id}"}}}
  - id: body
    method: POST
    path: /body
    body: {}
    compose: {x: {service: orders, path: "/orders/{body.id}"}}
  - id: part
    method: GET
    path: /part
    compose:
      good: {service: orders, path: /good}
      x: {service: orders, path: "/orders/{good.id}"}
"""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/query?q=..", 400),
        ("GET", "/query?q=", 400),
        ("GET", "/path/" + "a" * 1001, 404),
        ("POST", "/body", 422),
        ("GET", "/part", 502),
    ],
)
async def test_whose_fault_it_is(hop: Hop, tmp_path: Path, method: str, path: str, status: int) -> None:
    async with running(hop, tmp_path, ROUTES, answering({"/good": said({"id": []})})) as api:
        answer = await api.client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert (answer.json()["title"] == "A service gave no answer") is (status == 502)
