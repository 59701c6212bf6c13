"""Which requests are traced: one in ten of the pages' reads, and everything else."""

import pytest
from opentelemetry.sdk.trace.sampling import Decision, ParentBased

from observability.console.sampling import READ_RATIO, ReadsByRatio

_SAMPLED = 0
"""A trace id that is sampled at any ratio: the SDK compares its last 8 bytes with a bound."""
_LAST = 2**64 - 1


def decided(method: str, trace_id: int) -> Decision:
    attributes = {"http.request.method": method}
    return ReadsByRatio().should_sample(None, trace_id, "name", None, attributes).decision


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reads_are_sampled_by_their_trace_id(method: str) -> None:
    bound = int(READ_RATIO * 2**64)
    assert decided(method, _SAMPLED) is Decision.RECORD_AND_SAMPLE
    assert decided(method, bound - 2**20) is Decision.RECORD_AND_SAMPLE
    assert decided(method, bound + 2**20) is Decision.DROP
    assert decided(method, _LAST) is Decision.DROP


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "_OTHER"])
def test_whatever_may_change_something_is_sampled(method: str) -> None:
    assert decided(method, _LAST) is Decision.RECORD_AND_SAMPLE


def test_what_is_no_request_is_sampled() -> None:
    assert ReadsByRatio().should_sample(None, _LAST, "start").decision is Decision.RECORD_AND_SAMPLE


def test_its_parents_decision_comes_first() -> None:
    assert "ReadsByRatio" in ParentBased(ReadsByRatio()).get_description()
