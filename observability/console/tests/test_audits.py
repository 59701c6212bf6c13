"""Audits by the console: what it answers when stores do not, and that one is made at a time."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from observability.console.tests.consoles import Console

AUDIT = "/api/audit"


def write_catalog(console: Console) -> None:
    """A catalog of the gateway alone."""
    (console.folder / "catalog.json").write_text(json.dumps({"services": [], "hops": [{"name": "gateway"}]}))


def empty_stores(console: Console) -> None:
    """Stores that answer, and have nothing."""
    write_catalog(console)
    nothing: dict[str, Any] = {"data": {"result": []}}
    console.stores.answer("GET", "/prometheus/api/v1/rules", {"data": {"groups": []}})
    console.stores.answer("GET", "/prometheus/api/v1/query", nothing)
    console.stores.answer("GET", "/loki/loki/api/v1/query_range", nothing)
    console.stores.answer("GET", "/jaeger/api/traces", {"data": []})


def test_a_catalog_that_cannot_be_read_is_a_problem(console: Console) -> None:
    (console.folder / "catalog.json").write_text("{}")
    answer = console.get(AUDIT)
    assert answer.status_code == 503
    assert "the catalog cannot be read" in answer.json()["detail"]


def test_a_store_that_does_not_answer_is_a_problem(console: Console) -> None:
    write_catalog(console)
    answer = console.get(AUDIT)
    assert answer.status_code == 502
    assert answer.json()["title"] == "prometheus is not available"


def test_an_audit_is_made_once_for_all_who_ask(console: Console) -> None:
    empty_stores(console)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: console.get(AUDIT), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["time"] for answer in answers}) == 1
    rules = [asked for asked in console.stores.asked if asked.path.startswith("/prometheus/api/v1/rules")]
    assert len(rules) == 1


def test_what_is_missing_is_a_metric(console: Console) -> None:
    empty_stores(console)
    found = console.get(AUDIT).json()
    standings = {cell["standing"] for cell in found["cells"] if cell["signal"] == "metrics"}
    assert standings == {"broken", "idle"}  # those that come with traffic had no cause
    page = console.get("/metrics").text
    alerts = sum(cell["part"] == "gateway" and cell["signal"] == "alerts" for cell in found["cells"])
    assert f'contract_cells{{part="gateway",signal="alerts",standing="broken"}} {float(alerts)}' in page
    (audited,) = re.findall("^contract_audit_timestamp_seconds (.+)$", page, re.MULTILINE)
    assert float(audited) == found["time"]


def test_no_other_site_has_an_audit_made(console: Console) -> None:
    assert console.get(AUDIT, sec_fetch_site="cross-site").status_code == 403
