"""Which traces are synthetic."""

import pytest
from opentelemetry.trace import DEFAULT_TRACE_STATE, TraceState

from observability.synthetic import synthetic_type


@pytest.mark.parametrize("header", ["nextphase=synthetic:test", "congo=t61,nextphase=synthetic:test"])
def test_the_member_of_the_platform_says_it(header: str) -> None:
    assert synthetic_type(TraceState.from_header([header])) == "test"


@pytest.mark.parametrize("header", ["", "congo=t61", "nextphase=other", "congo=synthetic:test"])
def test_nothing_else_does(header: str) -> None:
    assert synthetic_type(TraceState.from_header([header])) == ""
    assert synthetic_type(DEFAULT_TRACE_STATE) == ""
