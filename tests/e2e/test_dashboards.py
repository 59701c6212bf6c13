"""Every query of every panel returns data after real traffic."""

from typing import Any

import pytest

from dashboards.queries import Query, queries
from tests.config.test_metric_names import shown
from tests.conftest import Stack, eventually, nextphase
from tests.e2e.exported import Exported
from tests.promql import without_fallback

pytestmark = [pytest.mark.stack, pytest.mark.example]


#: Not before the first call that failed.
SEEN_WITH_AN_EVENT = {"traces_service_graph_request_failed_total"}


@pytest.fixture(scope="module", autouse=True)
def demo_traffic(stack: Stack) -> None:
    done = nextphase("demo", "--orders", "24")
    assert done.returncode == 0, done.stdout + done.stderr


def ask(stack: Stack, query: Query) -> list[Any]:
    if query.datasource == "prometheus":
        return stack.telemetry.metric(query.expression)
    if query.expression.startswith("{"):
        return stack.telemetry.logs(query.expression)
    return stack.telemetry.log_metric(query.expression)


@pytest.mark.parametrize("query", queries(), ids=str)
def test_panel_has_data(stack: Stack, query: Query) -> None:
    def look() -> None:
        assert ask(stack, query), "no data"

    eventually(look)


def test_no_panel_is_empty_but_for_its_zero(stack: Stack) -> None:
    """`or vector(0)` has a query answer whatever it is over. Asked without it, it may give nothing only
    where no event of that kind has happened."""
    of_prometheus = [query for query in queries() if query.datasource == "prometheus"]
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
