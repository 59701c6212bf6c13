"""Audits of stores that have something, nothing, and not all of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from observability.contract.audit import SETTLING_SECONDS, WINDOW_SECONDS, Auditor, Standing
from observability.contract.contract import LineRule, MetricRule, Part, SpanRule
from observability.contract.telemetry_reader import TelemetryReader
from observability.http.problem import Problem

SPAN = SpanRule("server", "(GET|POST) /.*", ("http.route", "service.name"), ("error.type",), "requests_total")
LINE = LineRule("access line", 'logger="access"', ("method", "trace_id"), "requests_total")


@dataclass
class Stores:
    """Stores with this in them.

    growth: of every counter. series: names of metrics. spans: tags of those of `orders`. lines: their fields.
    """

    growth: float = 1.0
    series: set[str] = field(default_factory=lambda: {"up"})
    spans: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, str]] = field(default_factory=list)
    name: str = "GET /orders"
    asked: list[tuple[str, str, Sequence[tuple[str, str]]]] = field(default_factory=list)

    async def get(self, store: str, path: str, parameters: Sequence[tuple[str, str]]) -> bytes:
        self.asked.append((store, path, parameters))
        return json.dumps(self._answer(path, dict(parameters))).encode()

    def _answer(self, path: str, parameters: dict[str, str]) -> Any:
        if path == "/api/v1/rules":
            return {"data": {"groups": [{"rules": [{"name": "HopDown"}]}]}}
        if path == "/api/traces":
            return {"data": [self._trace()]}
        if path == "/loki/api/v1/query_range":
            return {"data": {"result": [{"stream": line, "values": [["1", "x"]]} for line in self.lines]}}
        return {"data": {"result": self._result(parameters["query"])}}

    def _result(self, query: str) -> list[dict[str, Any]]:
        if query.startswith("topk"):
            return [{"metric": {"__name__": name}, "value": [0, "3"]} for name in sorted(self.series)]
        if "requests_total" in query:
            return [{"metric": {}, "value": [0, str(self.growth)]}]
        is_there = any(name in query for name in self.series) or "__name__" in query
        return [{"metric": {}, "value": [0, "1"]}] if is_there else []

    def _trace(self) -> dict[str, Any]:
        resource = [{"key": "service.name", "value": "orders"}]
        return {
            "processes": {
                "p1": {"serviceName": "orders", "tags": resource},
                "p2": {"serviceName": "gateway", "tags": []},
            },
            "spans": [
                {
                    "traceID": "abc",
                    "operationName": self.name,
                    "processID": process,
                    "tags": [{"key": key, "value": value} for key, value in tags.items()],
                }
                for process, tags in (("p2", {"span.kind": "server"}), *(("p1", tags) for tags in self.spans))
            ],
        }


def part(**given: Any) -> Part:
    empty: dict[str, Any] = dict.fromkeys(("spans", "lines", "metrics", "alerts", "dashboards"), ())
    return Part("orders", **empty | given)


async def audit(stores: Stores, **given: Any) -> dict[str, tuple[str, str]]:
    found = await Auditor([part(**given)], TelemetryReader(stores.get), lambda: {"nextphase-service"}).audit()
    return {cell.name: (cell.standing, cell.detail) for cell in found.cells}


GOOD = {"span.kind": "server", "http.route": "/orders"}


async def test_a_span_with_all_its_attributes_is_kept() -> None:
    (cell,) = (await audit(Stores(spans=[GOOD]), spans=(SPAN,))).values()
    assert cell == (Standing.KEPT, "")


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([], "there is no such span"),
        ([{"span.kind": "client", "http.route": "/orders"}], "there is no such span"),
        ([GOOD, {"span.kind": "server"}], "of trace abc has no http.route"),
        ([GOOD | {"otel.status_code": "ERROR"}], "has no error.type"),
    ],
)
async def test_what_is_not_there_is_said(spans: list[dict[str, Any]], said: str) -> None:
    (cell,) = (await audit(Stores(spans=spans), spans=(SPAN,))).values()
    assert cell[0] == Standing.BROKEN
    assert said in cell[1]


async def test_spans_of_others_do_not_count() -> None:
    stores = Stores(spans=[GOOD], name="DELETE /orders")
    (cell,) = (await audit(stores, spans=(SPAN,))).values()
    assert cell[0] == Standing.BROKEN


async def test_nothing_is_said_of_what_had_no_cause() -> None:
    found = await audit(Stores(growth=0), spans=(SPAN,), lines=(LINE,))
    assert {standing for standing, _ in found.values()} == {Standing.IDLE}


@pytest.mark.parametrize(("name", "operation"), [("(GET|POST) /.*", None), ("POST /events", "POST /events")])
async def test_a_rare_span_is_looked_for(name: str, operation: str | None) -> None:
    stores = Stores()
    await audit(stores, spans=(replace(SPAN, name=name),))
    asked = [dict(parameters) for _, path, parameters in stores.asked if path == "/api/traces"]
    assert [one.get("tags") for one in asked] == [None, '{"span.kind":"server"}']
    assert [one.get("operation") for one in asked] == [None, operation]


@pytest.mark.parametrize(
    ("share", "growth", "standing"),
    [(1, 1, "broken"), (0.1, 199, "idle"), (0.1, 200, "broken"), (0.0, 1e6, "idle")],
)
async def test_where_traces_are_sampled_a_rare_span_may_not_be_there(
    share: float, growth: float, standing: str
) -> None:
    of_spans = MetricRule("traces_calls_total", "requests_total")
    rules = part(spans=(SPAN,), metrics=(of_spans,), lines=(LINE,))
    reader = TelemetryReader(Stores(growth=growth).get)
    found = await Auditor([rules], reader, set, stored_share=share).audit()
    standings = {cell.signal: cell.standing for cell in found.cells}
    assert standings == {"spans": standing, "metrics": standing, "lines": "broken"}


async def test_every_line_has_every_field() -> None:
    whole, half = {"method": "GET", "trace_id": "abc"}, {"method": "GET"}
    assert (await audit(Stores(lines=[whole]), lines=(LINE,)))["access line"] == (Standing.KEPT, "")
    broken = (Standing.BROKEN, "a line has no trace_id")
    assert (await audit(Stores(lines=[whole, half]), lines=(LINE,)))["access line"] == broken
    assert (await audit(Stores(), lines=(LINE,)))["access line"][0] == Standing.BROKEN


async def test_metrics_alerts_and_dashboards_are_looked_for_by_name() -> None:
    names = ("nextphase-service", "nextphase-gone")
    metrics = (MetricRule("up", None), MetricRule("gone", None))
    found = await audit(Stores(), metrics=metrics, alerts=("HopDown", "Gone"), dashboards=names)
    assert {name: standing for name, (standing, _) in found.items()} == {
        "up": Standing.KEPT,
        "gone": Standing.BROKEN,
        "HopDown": Standing.KEPT,
        "Gone": Standing.BROKEN,
        "nextphase-service": Standing.KEPT,
        "nextphase-gone": Standing.BROKEN,
    }


async def test_a_metric_that_comes_with_traffic_is_looked_for_once_there_is_some() -> None:
    rule = MetricRule("gone", "requests_total")
    assert (await audit(Stores(growth=0), metrics=(rule,)))["gone"][0] == Standing.IDLE
    assert (await audit(Stores(growth=1), metrics=(rule,)))["gone"][0] == Standing.BROKEN


async def test_a_series_of_a_process_that_has_been_replaced_since_counts() -> None:
    stores = Stores()
    await audit(stores, metrics=(MetricRule("gone", "requests_total"), MetricRule("up", None)))
    queries = [dict(parameters).get("query", "") for _, _, parameters in stores.asked]
    assert f"count(last_over_time(gone[{WINDOW_SECONDS + SETTLING_SECONDS}s]))" in queries
    assert "count(up)" in queries


async def test_a_counter_is_asked_for_once() -> None:
    stores = Stores(spans=[GOOD])
    await audit(stores, spans=(SPAN,), lines=(LINE,), metrics=(MetricRule("gone", "requests_total"),))
    queries = [dict(parameters).get("query", "") for _, _, parameters in stores.asked]
    assert sum("requests_total" in query for query in queries) == 1


async def test_it_says_which_metrics_have_the_most_series() -> None:
    found = await Auditor([], TelemetryReader(Stores(series={"a", "b"}).get), set).audit()
    assert found.largest == [("a", 3), ("b", 3)]
    assert found.series == 1


async def test_an_answer_that_is_no_json_is_a_problem() -> None:
    async def garbage(*_: Any) -> bytes:
        return b"<html>"

    with pytest.raises(Problem, match="is not available"):
        await Auditor([], TelemetryReader(garbage), set).audit()
