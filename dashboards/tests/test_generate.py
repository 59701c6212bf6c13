"""The checked-in dashboards are what the code says, and what Grafana expects."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import sources
from dashboards.generate import differences, documents, write

PROVISIONING = Path(__file__).parents[1] / "provisioning"
DOCUMENTS = {name: json.loads(text) for name, text in documents().items()}


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def test_the_checked_in_files_are_current() -> None:
    assert differences() == []


def test_differences_names_what_is_missing_stale_and_nobodys(tmp_path: Path) -> None:
    write(tmp_path)
    assert differences(tmp_path) == []
    (tmp_path / "nextphase-rio.json").unlink()
    (tmp_path / "nextphase-service.json").write_text("{}")
    (tmp_path / "old.json").write_text("{}")
    assert differences(tmp_path) == ["nextphase-rio.json", "nextphase-service.json", "old.json"]
    write(tmp_path)
    assert differences(tmp_path) == []
    assert not (tmp_path / "old.json").exists()


def test_uids_are_stable_and_unique() -> None:
    assert {document["uid"] for document in DOCUMENTS.values()} == {
        "nextphase-gateway",
        "nextphase-host",
        "nextphase-logs",
        "nextphase-nginx",
        "nextphase-platform",
        "nextphase-postgresql",
        "nextphase-rabbitmq",
        "nextphase-rio",
        "nextphase-runtimes",
        "nextphase-service",
        "nextphase-telemetry",
        "nextphase-traces",
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_panel_has_title_description_unit_data_source_and_query(name: str) -> None:
    assert panels(DOCUMENTS[name])
    for panel in panels(DOCUMENTS[name]):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] in {sources.PROMETHEUS.uid, sources.LOKI.uid}
        assert panel["targets"]
        if panel["type"] not in {"table", "logs"}:
            assert panel["fieldConfig"]["defaults"]["unit"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DOCUMENTS[name]["panels"]:
        place = panel["gridPos"]
        x, y = place.get("x", 0), place.get("y", 0)
        cells = {(x + dx, y + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert x + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", DOCUMENTS)
def test_titles_are_unique_in_a_row(name: str) -> None:
    row, seen = "", set()
    for panel in DOCUMENTS[name]["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        assert (row, panel["title"]) not in seen
        seen.add((row, panel["title"]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_series_has_a_name(name: str) -> None:
    """A curve by labels is called by labels that its query keeps; what has none is called in words."""
    for panel in panels(DOCUMENTS[name]):
        for target in panel["targets"]:
            if panel["type"] in {"table", "logs", "heatmap"}:
                continue
            legend = target["legendFormat"]
            assert legend, panel["title"]
            labels = set(re.findall(r"\{\{(\w+)\}\}", legend))
            assert not labels or "vector(0)" not in target["expr"], f"{panel['title']}: a series has no name"
            kept = [set(re.split(r", ?", by)) for by in re.findall(r"\bby \(([\w, ]*)\)", target["expr"])]
            assert not kept or labels <= set().union(*kept), f"{panel['title']}: {legend}"


_UNITS = {
    "s": r"_seconds|time\(\)",
    "ms": "_milliseconds",
    "bytes": "_bytes",
    "Bps": r"rate\(\w+_bytes",
    "binBps": r"rate\(\w+_bytes",
    "percentunit": r"/|ratio|rate\(\w+_seconds|avg\(",
    **dict.fromkeys(("reqps", "eps", "ops", "cps", "mps"), r"rate\(|:rate|_per_second"),
}
"""What a query with a unit has in it."""


_SECONDS_BY_SECOND = re.compile(r"\b(?:rate|changes)\(\w+_seconds(?:_total)?\b")
"""Not seconds but cores, or a number of changes."""
_DIMENSION = re.compile(r"_(?:seconds|milliseconds|bytes)(?:_total)?\b")


def shown(panel: dict[str, Any]) -> list[tuple[str, str]]:
    """(unit, query) of every series, and of every column of a table."""
    units = dict.fromkeys(
        (target["refId"] for target in panel["targets"]),
        panel.get("fieldConfig", {}).get("defaults", {}).get("unit"),
    )
    if panel["type"] == "table":
        [names] = [
            each["options"]["renameByName"] for each in panel["transformations"] if each["id"] == "organize"
        ]
        by_name = {
            each["matcher"]["options"]: given["value"]
            for each in panel["fieldConfig"]["overrides"]
            for given in each["properties"]
            if given["id"] == "unit"
        }
        units = {
            reference: by_name[names.get(f"Value #{reference}") or names["Value"]] for reference in units
        }
    return [(units[target["refId"]], target["expr"]) for target in panel["targets"]]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_units_fit_the_names_of_the_metrics(name: str) -> None:
    for panel in panels(DOCUMENTS[name]):
        for unit, expression in shown(panel) if panel["type"] not in {"heatmap", "logs"} else ():
            if unit in _UNITS:
                assert re.search(_UNITS[unit], expression), f"{panel['title']} ({unit}): {expression}"
            else:
                value, _, _ = expression.partition(" and ")  # what follows only chooses rows
                dimension = _DIMENSION.search(_SECONDS_BY_SECOND.sub("", value))
                assert not dimension, f"{panel['title']} ({unit}): {expression}"


def test_links_lead_to_dashboards_and_variables_that_exist() -> None:
    variables = {
        document["uid"]: {variable["name"] for variable in document.get("templating", {}).get("list", [])}
        for document in DOCUMENTS.values()
    }
    links = re.findall(r"/d/([\w-]+)(?:\?var-(\w+)=)?", json.dumps(list(DOCUMENTS.values())))
    assert links
    for uid, variable in links:
        assert uid in variables
        assert not variable or variable in variables[uid]


def test_the_overview_leads_to_every_part() -> None:
    """By a panel's own links; the menu of dashboards leads everywhere."""
    overview = json.dumps(DOCUMENTS["nextphase-platform.json"])
    parts = {"nginx", "gateway", "service", "rio", "runtimes", "telemetry", "logs", "traces"}
    assert {part for part in parts if f"/d/nextphase-{part}" in overview} == parts


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_dashboard_marks_alerts_deploys_and_drills(name: str) -> None:
    names = [annotation["name"] for annotation in DOCUMENTS[name]["annotations"]["list"]]
    assert names[-3:] == ["Alerts", "Deploys", "Drills"]


def test_durations_show_the_traces_behind_them() -> None:
    quantiles = [
        target
        for document in DOCUMENTS.values()
        for panel in panels(document)
        for target in panel["targets"]
        if panel["type"] == "timeseries" and target["expr"].startswith("histogram_quantile")
    ]
    assert quantiles
    assert all(target["exemplar"] for target in quantiles)


def test_provisioned_data_sources_are_the_ones_the_panels_name() -> None:
    document = yaml.safe_load((PROVISIONING / "datasources/nextphase.yaml").read_text())
    by_uid = {source["uid"]: source for source in document["datasources"]}
    assert {sources.PROMETHEUS.uid, sources.LOKI.uid} <= by_uid.keys()
    links = re.findall(r"datasourceUid: (\w+)", (PROVISIONING / "datasources/nextphase.yaml").read_text())
    assert set(links) <= by_uid.keys()
    # Grafana replaces $name in these files; what is meant for its queries is written $$.
    assert not re.search(r"(?<!\$)\$(?!\$)", (PROVISIONING / "datasources/nextphase.yaml").read_text())
