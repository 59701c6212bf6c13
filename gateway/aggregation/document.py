"""The composed document: the outcomes of its parts, joined byte for byte."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway.aggregation import json_document
from gateway.aggregation.outcome import Outcome, TotalFailure, worst
from gateway.aggregation.part import NULL, Part
from gateway.cache_control import NOT_FRESH, Freshness, least


class Composed(NamedTuple):
    """A composed document.

    Attributes:
        fresh: for how long it may be kept: as long as each of its parts; not at all if one failed.
        age: seconds since the first part's answer came, where that matters.
        shared: whether it may be given to other requests of the same time, as all of its parts may.
    """

    body: bytes
    complete: bool
    fresh: Freshness = NOT_FRESH
    age: float = 0.0
    shared: bool = True


class DocumentLayout:
    """Where the parts of a route's document stand in it.

    Parameters:
        parts: in the order in which they stand in the document.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._names = [json_document.encode(part.name) + b":" for part in parts]
        self._flattens = any(part.flatten for part in parts)
        self._cached = any(part.cached for part in parts)

    def join(self, outcomes: Sequence[Outcome]) -> Composed:
        """The document that has these outcomes, in the order of the parts.

        Raises:
            TotalFailure: every part failed.
        """
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors and not any(_says_something(outcome) for outcome in outcomes):
            raise TotalFailure(worst(outcomes))
        fresh = NOT_FRESH
        if self._cached and not errors:
            fresh = least([outcome.good.fresh for outcome in outcomes if outcome.good])
        if self._flattens:
            return Composed(self._flat(outcomes, errors), not errors, fresh)
        pieces = [
            name + outcome.good.body
            for name, outcome in zip(self._names, outcomes, strict=True)
            if outcome.good is not None
        ]
        if errors:
            pieces.append(b'"errors":' + json_document.encode(errors))
        return Composed(b"{" + b",".join(pieces) + b"}", not errors, fresh)

    def _flat(self, outcomes: Sequence[Outcome], errors: list[dict[str, Any]]) -> bytes:
        """The document where some parts stand without their names; what has a name keeps it."""
        named: dict[str, Any] = {"errors": json_document.encode(errors)} if errors else {}
        pairs = list(zip(self._parts, outcomes, strict=True))
        named |= {part.name: out.good.body for part, out in pairs if out.good and not part.flatten}
        merged: dict[str, Any] = {}
        for part, outcome in pairs:
            if outcome.good is None:
                continue
            if not part.flatten:
                merged[part.name] = outcome.good.body
            elif outcome.good.body != NULL:
                found = json_document.members(outcome.good.body)
                taken = merged.keys() | named.keys()
                merged |= {name: raw for name, raw in found.items() if name not in taken}
        return json_document.join(list((merged | named).items()))


def _says_something(outcome: Outcome) -> bool:
    """Whether a part says more than that it failed."""
    if outcome.good is None:
        return False
    return outcome.error is None or outcome.good.body != NULL
