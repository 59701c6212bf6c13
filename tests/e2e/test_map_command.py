"""`nextphase map` of a live instance that has taken orders."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compose.cli import service_map
from compose.cli.catalog import Catalog
from tests.conftest import ROOT, Stack, eventually, nextphase

pytestmark = pytest.mark.stack


def test_traces_show_every_call_of_the_catalog_and_no_other(stack: Stack) -> None:
    assert nextphase("demo", "--orders", "4").returncode == 0

    def look() -> dict[str, Any]:
        document: dict[str, Any] = json.loads(nextphase("map", "--json").stdout)
        assert document["not_seen"] == []
        return document

    calls = eventually(look, within_seconds=120)["calls"]
    assert [one for one in calls if not one["allowed"]] == []
    # What the console calls depends on which of the tests in a browser have run.
    edges = {
        (one["client"], one["server"])
        for one in calls
        if one["kind"] == "HTTP" and one["client"] != "console"
    }
    assert edges <= set(service_map.expected(Catalog.load(ROOT)))
    assert nextphase("map").returncode == 0
