"""A configuration that has faults, as a failure of the command that reads it."""

from __future__ import annotations

from collections.abc import Iterable

from compose.cli.errors import Failure
from observability.configuration.errors import Fault


class Refused(Failure):
    """A configuration has faults; all of them are told, in order of file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("the configuration is refused", tail=list(map(str, self.faults)))

    def __str__(self) -> str:
        return "\n".join(self.tail)
