"""Every query of every panel returns data after real traffic, for every value of every variable.

Panels that count trouble say NONE where they are empty; their metrics must be exported all the same.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from compose.cli import operations
from dashboards.annotations import DEPLOYS, DRILLS
from dashboards.panels import NONE
from dashboards.queries import Query, documents, queries, queries_of
from tests.config.test_metric_names import shown
from tests.conftest import Stack, eventually, nextphase
from tests.e2e.exported import Exported
from tests.promql import without_fallback

pytestmark = [pytest.mark.stack, pytest.mark.example]

#: Not before the first call that failed; not without a slot.
SEEN_WITH_AN_EVENT = {
    "traces_service_graph_request_failed_total",
    "postgresql_replication_slot_retained_bytes",
}

#: Of the whole run, so that the traffic is in it however long the tests before took.
_WINDOW = "30m"
#: How the text of an empty panel begins that has nothing to say of what was chosen.
_MAY_BE_EMPTY = ("Not here: ", "No line fits: ", "No request fits: ", NONE)
_IN_LEGEND = re.compile(r"\{\{(\w+)\}\}")
_LABEL_VALUES = re.compile(r"label_values\((?:(.+), )?(\w+)\)")


@pytest.fixture(scope="module", autouse=True)
def demo_traffic(stack: Stack) -> None:
    done = nextphase("demo", "--orders", "24")
    assert done.returncode == 0, done.stdout + done.stderr
    nextphase("audit")  # the console's own first one comes after minutes


def ask(stack: Stack, query: Query) -> list[Any]:
    if query.datasource == "prometheus":
        return stack.telemetry.metric(query.expression)
    if query.expression.startswith("{"):
        return stack.telemetry.logs(query.expression)
    return stack.telemetry.log_metric(query.expression)


@pytest.mark.parametrize("query", queries(__rate_interval=_WINDOW, __auto=_WINDOW), ids=str)
def test_panel_has_data(stack: Stack, query: Query) -> None:
    def look() -> None:
        assert ask(stack, query), "no data"

    if query.empty == NONE:
        ask(stack, query)  # an error of the store raises
    else:
        eventually(look)


def test_deploys_and_drills_are_marked(stack: Stack) -> None:
    """The instance was started by `up`; a drill says what it does in the same way."""
    text = f"orders is stopped, {uuid4().hex}"
    operations.record(stack.layout, "drill", text, "orders")

    def look() -> None:
        drills = [(line.message, line.labels["hop"]) for line in stack.telemetry.logs(DRILLS.expression)]
        assert (text, "orders") in drills
        assert any("up: " in line.message for line in stack.telemetry.logs(DEPLOYS.expression))

    eventually(look, 60.0)


def test_no_panel_is_empty_but_for_its_zero(stack: Stack) -> None:
    """`or vector(0)` has a query answer whatever it is over. Asked without it, it may give nothing only
    where no event of that kind has happened."""
    of_prometheus = [
        query
        for query in queries(__rate_interval=_WINDOW, __auto=_WINDOW)
        if query.datasource == "prometheus"
    ]
    assert any(without_fallback(query.expression) != query.expression for query in of_prometheus)
    known = {*shown(), *SEEN_WITH_AN_EVENT}

    def look() -> None:
        exported = Exported(stack)
        empty = {
            str(query): lacking
            for query in of_prometheus
            if (lacking := exported.lacks(query.expression) - known)
            and not stack.telemetry.metric(without_fallback(query.expression))
        }
        assert empty == {}

    eventually(look, within_seconds=90)


def test_nothing_is_shown_that_is_not_exported(stack: Stack) -> None:
    """By its name, and by the labels it is chosen by; also where another part of the query has an answer."""
    known = {*shown(), *SEEN_WITH_AN_EVENT}

    def look() -> None:
        exported = Exported(stack)
        lacking = {
            str(query): exported.lacks(query.expression) - known
            for query in queries(__rate_interval=_WINDOW, __auto=_WINDOW)
            if query.datasource == "prometheus"
        }
        assert {query: lacks for query, lacks in lacking.items() if lacks} == {}

    eventually(look, within_seconds=90)


def test_every_name_of_a_series_is_complete(stack: Stack) -> None:
    """Each label that a legend names is there, so that no two curves are called alike, or by nothing."""
    nameless = {
        f"{query}: {query.legend} of {labels}"
        for query in {*queries(__rate_interval=_WINDOW, __auto=_WINDOW), *of_every_value(stack)}
        if (named := _IN_LEGEND.findall(query.legend))
        for labels, _ in ask(stack, query)
        if not all(labels.get(label) for label in named)
    }
    assert nameless == set()


def of_every_value(stack: Stack) -> Iterator[Query]:
    """The queries of dashboards with variables, for each value of each of them."""
    for board in documents().values():
        for variable in board["templating"].get("list", ()):
            for value in values_of(stack, variable):
                given = {variable["name"]: value}
                yield from queries_of(board, __rate_interval=_WINDOW, __auto=_WINDOW, **given)


def values_of(stack: Stack, variable: dict[str, Any]) -> Iterator[str]:
    """What can be chosen."""
    if variable["type"] == "custom":
        yield from (option["value"] for option in variable["options"])
    if variable["type"] == "query":
        found = _LABEL_VALUES.fullmatch(variable["query"])
        assert found, variable
        selector, label = found.groups()
        if variable["datasource"]["type"] == "prometheus":
            values = {
                labels[label] for labels, _ in stack.telemetry.metric(f"count by ({label}) ({selector})")
            }
        else:
            counted = stack.telemetry.log_metric(
                f'sum by ({label}) (count_over_time({{{label}=~".+"}}[{_WINDOW}]))'
            )
            values = {labels[label] for labels, _ in counted}
        assert values, variable
        yield from sorted(values)


@pytest.mark.parametrize(
    "uid", [uid for uid, board in documents().items() if board["templating"].get("list")]
)
def test_every_value_of_every_variable_shows_something(stack: Stack, uid: str) -> None:
    """Panels that say why they are empty may be; those that count trouble, too."""
    board = documents()[uid]

    def look() -> None:
        empty = [
            str(query)
            for variable in board["templating"]["list"]
            for value in values_of(stack, variable)
            for query in queries_of(
                board, __rate_interval=_WINDOW, __auto=_WINDOW, **{variable["name"]: value}
            )
            if not ask(stack, query) and not query.empty.startswith(_MAY_BE_EMPTY)
        ]
        assert empty == []

    eventually(look, within_seconds=120)


HOPS = {"edge-nginx", "gateway", "services-nginx", "relay", "rio"} | {
    "accounts", "inventory", "notifications", "orders",
}  # fmt: skip


def test_every_hop_can_be_chosen(stack: Stack) -> None:
    [variable] = documents()["nextphase-service"]["templating"]["list"]
    assert set(values_of(stack, variable)) >= HOPS


@pytest.mark.parametrize("query", queries(__rate_interval=_WINDOW, __auto=_WINDOW), ids=str)
def test_nothing_shown_is_not_a_number(stack: Stack, query: Query) -> None:
    if query.datasource == "prometheus":
        assert [value for _, value in stack.telemetry.metric(query.expression) if value != value] == []
