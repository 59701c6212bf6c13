"""The objectives: how they are read, and the rules made of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from compose.cli import slos
from compose.cli.catalog import Catalog
from compose.cli.refusal import Refused
from observability.metrics import DURATION_BUCKETS

ROOT = Path(__file__).parents[3]
#: Routes that describe the API and are no part of it.
#: What a flow rule measures, from the event that begins it to the one that ends it.
JOURNEYS = {"order-journey"}
DOCUMENTS = {"openapi", "docs"}

OBJECTIVE = """\
  - name: {name}
    objective: {objective}
    description: Reading does not end in 5xx.
    sli:
      events:
        error_query: |
          sum(rate(requests_total{{code=~"5.."}}[{{{{.window}}}}]))
        total_query: {total}
"""
TOTAL = "sum(rate(requests_total[{{.window}}]))"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "observability").mkdir()
    shutil.copy(ROOT / slos.SCHEMA, tmp_path / slos.SCHEMA)
    return tmp_path


def write(root: Path, *objectives: str) -> None:
    text = "version: prometheus/v1\nservice: gateway\nslos:\n" + "".join(objectives)
    (root / slos.FILE).write_text(text)


def since_birth(counter: str) -> str:
    born = (
        f"({counter} unless {counter} offset 1m) and on (instance) instance:counters_since_birth_1m:bool == 1"
    )
    return f"(({born}) / 60 or rate({counter}[1m]))"


def test_an_objective_becomes_three_rules(root: Path) -> None:
    write(root, OBJECTIVE.format(name="read", objective=99.9, total=TOTAL))
    (objective,) = slos.load(root)
    (group,) = yaml.safe_load(slos.rules([objective]))["groups"]
    bad, total = (
        f"sum({since_birth(counter)})" for counter in ('requests_total{code=~"5.."}', "requests_total")
    )
    of_instances, *of_objective = group["rules"]
    assert group["interval"] == "30s"
    assert of_instances["record"] == "instance:counters_since_birth_1m:bool"
    assert {rule["record"]: rule["expr"] for rule in of_objective} == {
        "slo:bad_events:rate1m": f'({bad}) or on () 0 * slo:events:rate1m{{slo="read"}}',
        "slo:events:rate1m": total,
        "slo:objective:ratio": "vector(0.999)",
    }
    assert all(rule["labels"] == {"slo": "read", "service": "gateway"} for rule in of_objective)


@pytest.mark.parametrize("counter", ["a_total", 'a_total{route="/a/{b}",code!=\'"}\'}', "a:b_total{c=`}`}"])
def test_what_a_series_begins_with_is_of_its_rate(root: Path, counter: str) -> None:
    write(root, OBJECTIVE.format(name="read", objective=99, total=f"sum(rate( {counter} [{{{{.window}}}}]))"))
    (objective,) = slos.load(root)
    assert objective.total == f"sum({since_birth(counter)})"


@pytest.mark.parametrize(
    ("objectives", "fault"),
    [
        ([OBJECTIVE.format(name="read", objective=100, total=TOTAL)], "5: slos.0.objective: 100 "),
        ([OBJECTIVE.format(name="Read", objective=99, total=TOTAL)], "4: slos.0.name: 'Read' "),
        (
            [OBJECTIVE.format(name="read", objective=99, total="up")],
            "11: slos.0.sli.events.total_query: 'up' ",
        ),
        (
            [OBJECTIVE.format(name="read", objective=99, total=TOTAL)] * 2,
            "12: slos.1.name: read is given twice",
        ),
        (["  - name: read\n"], "4: slos.0.objective: is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(root: Path, objectives: list[str], fault: str) -> None:
    write(root, *objectives)
    with pytest.raises(Refused) as refused:
        slos.load(root)
    assert f"{slos.FILE}:{fault}" in str(refused.value)


def test_a_journey_is_that_of_a_flow_rule() -> None:
    rules = {f"{rule.name}-journey": rule for service in Catalog.load(ROOT) for rule in service.flows}
    assert rules.keys() == JOURNEYS
    for one in slos.load(ROOT):
        rule = rules.get(one.name.removesuffix("-latency").removesuffix("-availability"))
        assert rule is None or f'flow="{rule.name}"' in one.total


def test_every_public_route_has_its_objectives() -> None:
    routes = yaml.safe_load((ROOT / "gateway/routes.yaml").read_text())["routes"]
    named = {route["id"] for route in routes} - DOCUMENTS
    objectives = {one.name: one for one in slos.load(ROOT)}
    promised = named | JOURNEYS
    assert objectives.keys() == {
        f"{name}-{kind}" for name in promised for kind in ("availability", "latency")
    }
    for route in routes:
        if route["id"] in named:
            for kind in ("availability", "latency"):
                total = objectives[f"{route['id']}-{kind}"].total
                assert f'http_route="{route["path"]}"' in total
                assert f'http_request_method="{route["method"]}"' in total


def test_latencies_are_those_of_buckets() -> None:
    """Between two buckets there is no count: the objective would never be kept."""
    bounds = {float(bound) for one in slos.load(ROOT) for bound in re.findall(r'le="([^"]+)"', one.bad)}
    assert bounds
    assert bounds <= set(DURATION_BUCKETS)
