"""Errors of a configuration. Standard library only."""

from collections.abc import Iterable
from dataclasses import dataclass


class ConfigurationError(ValueError):
    """The configuration cannot be used; the message names file and fields."""


@dataclass(frozen=True, order=True)
class Fault:
    """A fault in one place of a file; its text is `file:line: field: message`, control characters escaped."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}: {self.field}: {self.message}"
        return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


class FaultyDocument(ConfigurationError):
    """A file has faults.

    Attributes:
        faults: all of them, once each, in order of file and line; the message has a line for each.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(map(str, self.faults)))
