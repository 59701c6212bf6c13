"""A step of the set-up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

Note = Callable[[str], None]


class Stage(ABC):
    """A step that can tell whether its work is done, and do it. Running it again does no harm."""

    title: str

    @abstractmethod
    def is_right(self) -> bool:
        """Whether there is nothing to do; quick."""

    def prepare(self) -> None:  # noqa: B027 - most stages have nothing to ask
        """Ask the user what the stage has to know before it runs and its progress is shown."""

    @abstractmethod
    def run(self, note: Note) -> None:
        """Does the work and says through `note` what it is at; raises Failure."""
