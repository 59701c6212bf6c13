"""Dependencies between parts of a document, or between schemas."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def cycle_in(needs: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The names of a cycle, each needing the next; None where there is none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None
