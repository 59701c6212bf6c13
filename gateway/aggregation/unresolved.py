"""Parts that cannot be called, because their call refers to a missing value."""

from collections.abc import Mapping
from typing import Final

from gateway.aggregation.expressions import Unresolved
from gateway.aggregation.outcome import Outcome
from gateway.aggregation.part import NULL, Good, Part, PartFailed

_ABSENT: Final = Good(NULL, None)
#: The status where a value of the caller's cannot stand in a call, by the part of the request that it is in;
#: one from anywhere else is a service's fault. A token's subject: 403, since another token would not help.
_STATUS_OF_ABSENT: Final = {"path": 404, "query": 400, "body": 422, "caller": 403}


def without_value(part: Part, error: Unresolved, outcomes: Mapping[str, Outcome]) -> Good | PartFailed:
    """Result of a part whose call refers to a missing value: null if the part referred to is null,
    otherwise that part's failure."""
    root = error.absent.partition(".")[0]
    if root in part.needs:
        outcome = outcomes[root]
        if outcome.error is None and (outcome.good is None or outcome.good.value is None):
            return _ABSENT
    status = _STATUS_OF_ABSENT.get(root, 502)
    return PartFailed(status, f"{part.service}: not called, there is no {error.absent}")
