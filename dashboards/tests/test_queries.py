"""Queries leave the dashboards whole, with no variable left in them."""

import json
from pathlib import Path

import pytest

from dashboards.queries import Query, documents, queries


def test_no_variable_is_left_and_every_query_names_its_place() -> None:
    found = queries()
    assert {query.dashboard for query in found} == {board["title"] for board in documents().values()}
    assert {query.datasource for query in found} == {"prometheus", "loki"}
    assert all("$" not in query.expression for query in found)
    assert len({(query.dashboard, query.panel, query.expression) for query in found}) == len(found)


def test_a_variable_takes_the_value_given() -> None:
    given, default = queries(service="mails"), queries()
    assert any('service="mails"' in query.expression for query in given)
    assert not any('service="mails"' in query.expression for query in default)
    assert len(given) == len(default)


def test_the_demo_can_be_left_out_of_the_requests_the_gateway_serves() -> None:
    served = [query for query in queries(traffic="^$") if "http_server_request_duration" in query.expression]
    of_gateway = [query for query in served if query.dashboard == "Gateway"]
    assert of_gateway
    assert all('user_agent_synthetic_type=~"^$"' in query.expression for query in of_gateway)


def test_panels_in_collapsed_rows_count_and_targets_may_name_their_own_source(tmp_path: Path) -> None:
    panel = {
        "title": "Inner",
        "datasource": {"type": "prometheus"},
        "fieldConfig": {"defaults": {"noValue": "Nothing"}},
        "targets": [
            {"expr": 'up{a="${service}"}[$__rate_interval]', "legendFormat": "{{a}}"},
            {"expr": "{}", "datasource": {"type": "loki"}},
        ],
    }
    row = {"title": "Row", "type": "row", "panels": [panel]}
    (tmp_path / "one.json").write_text(json.dumps({"uid": "one", "title": "One", "panels": [row]}))
    assert queries(tmp_path, service="x") == [
        Query("One", "Inner", "prometheus", 'up{a="x"}[1m]', "Nothing", "{{a}}"),
        Query("One", "Inner", "loki", "{}", "Nothing", ""),
    ]


def test_a_dashboard_opens_with_the_values_that_it_says(tmp_path: Path) -> None:
    variables = [
        {"name": "one", "current": {"value": "gateway"}},
        {"name": "all", "current": {"value": "$__all"}, "allValue": ".+"},
        {"name": "text"},
    ]
    panel = {"title": "P", "datasource": {"type": "prometheus"}, "targets": [{"expr": "$one $all $text."}]}
    board = {"uid": "one", "title": "One", "panels": [panel], "templating": {"list": variables}}
    (tmp_path / "one.json").write_text(json.dumps(board))
    assert [query.expression for query in queries(tmp_path)] == ["gateway .+ ."]
    assert [query.expression for query in queries(tmp_path, one="rio")] == ["rio .+ ."]


def test_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    panel = {"title": "P", "datasource": {"type": "prometheus"}, "targets": [{"expr": "$nobody"}]}
    (tmp_path / "one.json").write_text(json.dumps({"uid": "one", "title": "One", "panels": [panel]}))
    with pytest.raises(KeyError, match="nobody"):
        queries(tmp_path)
