"""Every query of every panel returns data after real traffic."""

from typing import Any

import pytest

from dashboards.queries import Query, queries
from tests.conftest import Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]


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
