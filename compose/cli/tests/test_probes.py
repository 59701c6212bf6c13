"""What the collector asks the edge for: what the gateway has routes of, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli import collector, routes
from compose.cli.catalog import Catalog
from compose.cli.generate import generate_for_containers, plan
from compose.cli.layout import Layout
from compose.cli.probes import is_probed
from compose.cli.refusal import Refused
from compose.cli.tests import checkout

EDGE = "${env:EDGE_URL}"
ROUTE = {"id": "a", "method": "GET", "path": "/v1/a", "auth": "none", "mock": {}}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(checkout.make(tmp_path))


def write(layout: Layout, *declared: dict[str, Any]) -> None:
    (layout.root / routes.FILE).write_text(yaml.safe_dump({"routes": list(declared)}))


def target_of(text: str) -> dict[str, Any]:
    (target,) = yaml.safe_load(text)["receivers"]["httpcheck"]["targets"]
    return dict(target)


def planned(layout: Layout) -> dict[str, Any]:
    files = plan(Catalog.load(layout.root), layout, checkout.toolbox()).files
    return target_of(files[str(collector.FILE)])


def test_a_route_that_is_gone_is_not_probed(layout: Layout) -> None:
    assert set(planned(layout)["endpoints"]) == {
        f"{EDGE}/health",
        f"{EDGE}/v1/stock",
        f"{EDGE}/v1/openapi.json",
    }
    write(layout, ROUTE)
    assert planned(layout)["endpoints"] == [f"{EDGE}/health", f"{EDGE}/v1/a"]
    write(layout, ROUTE | {"method": "POST"})
    assert planned(layout)["endpoints"] == [f"{EDGE}/health"]


def test_the_collector_in_a_container_probes_the_same(layout: Layout, tmp_path: Path) -> None:
    volumes = tmp_path / "volumes"
    (volumes / "config").mkdir(parents=True)
    generate_for_containers(Catalog.load(layout.root), layout.root, volumes, "containers")
    assert target_of((volumes / "config" / collector.FILE).read_text()) == planned(layout)


def test_a_probe_is_made_as_that_of_the_collectors_own_file(layout: Layout) -> None:
    """One list replaces the other."""
    own = target_of((checkout.ROOT / "observability/collector/collector.yaml").read_text())
    assert own == planned(layout) | {"endpoints": [f"{EDGE}/health"]}


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"auth": "optional"},
        {"parameters": {"limit": {"type": "integer"}}},
        {"mock": {"status": 204}},
    ],
    ids=str,
)
def test_a_route_that_answers_a_bare_get_is_probed(declared: dict[str, Any]) -> None:
    assert is_probed(ROUTE | declared)


@pytest.mark.parametrize(
    "declared",
    [
        {"method": "PUT"},
        {"path": "/v1/a/{id}"},
        {"path": "/v1/a/{rest*}"},
        {"auth": "required"},
        {"auth": "optional", "owner": "query.id"},
        {"parameters": {"limit": {"required": True}}},
        {"idempotency": True},
        {"mock": {"status": 302}},
        {"proxy": {"service": "a", "path": "/a", "event_stream": {}}},
        {"proxy": {"service": "a", "path": "/a", "websocket": {}}},
    ],
    ids=str,
)
def test_a_route_that_does_not_is_not_probed(declared: dict[str, Any]) -> None:
    assert not is_probed(ROUTE | declared)


def test_a_route_needs_a_token_unless_it_says_otherwise() -> None:
    assert not is_probed({key: value for key, value in ROUTE.items() if key != "auth"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("routes: [\n", "gateway/routes.yaml:2"), ("routes:\n  - {id: a}\n", "gateway/routes.yaml:2: routes.0")],
)
def test_routes_that_cannot_be_read_are_refused(layout: Layout, text: str, expected: str) -> None:
    (layout.root / routes.FILE).write_text(text)
    with pytest.raises(Refused) as refused:
        planned(layout)
    assert str(refused.value).startswith(expected)
