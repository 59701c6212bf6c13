"""The outcome of a part: its value, or what its failure policy puts in the place of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway.aggregation.last_good import LastGood
from gateway.aggregation.part import NULL, Fallback, Good, Part, PartFailed


class Outcome(NamedTuple):
    """The outcome of a part.

    Attributes:
        good: None if the part failed, or its condition did not hold.
        error: the failure as the document shows it.
        failure: the failure for the response where there is no document.
    """

    good: Good | None
    error: dict[str, Any] | None = None
    failure: PartFailed | None = None


class TotalFailure(Exception):
    """There is no document: `cause` failed, and the document cannot do without it."""

    def __init__(self, cause: PartFailed) -> None:
        super().__init__(cause.cause)
        self.cause = cause


def instead_of_failed(part: Part, cause: PartFailed, kept: tuple[LastGood, float] | None) -> Outcome:
    """The outcome of a part that failed.

    Parameters:
        kept: its last good answer and the age of that, if its policy is `stale` and there is one.

    Raises:
        TotalFailure: the document cannot do without the part.
    """
    if part.on_failure == "fail":
        raise TotalFailure(cause)
    error = {"part": part.name, "status": cause.status, "cause": cause.cause}
    if isinstance(part.on_failure, Fallback):
        return Outcome(Good(part.on_failure.body, part.on_failure.value), error, cause)
    if kept is None:
        return Outcome(Good(NULL, None), error, cause)
    last, age = kept
    return Outcome(last.good(), error | {"age_seconds": int(age)}, cause)


def worst(outcomes: Sequence[Outcome]) -> PartFailed:
    """The failure that stands for all of them: the first of the highest status."""
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    worst = max(failures, key=lambda failure: failure.status)
    cut = any(failure.cut for failure in failures)
    return PartFailed(worst.status, worst.cause, retry_after=worst.retry_after, cut=cut)
