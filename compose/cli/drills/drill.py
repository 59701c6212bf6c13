"""A drill: something to break, the alerts that tell of it, and what puts it right again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from compose.cli.drills.instance import Instance

ALERT_SECONDS = 150.0
"""How long a drill waits, unless it says otherwise, until its alerts are notified."""


@dataclass(frozen=True)
class Expected:
    """An alert that a drill raises: its name, and labels that it has."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is the expected one."""
        return labels.get("alertname") == self.name and self.labels.items() <= labels.items()

    def __str__(self) -> str:
        about = next(iter(self.labels.values()), None)
        return f"{self.name} ({about})" if about else self.name


def expect(name: str, **labels: str) -> Expected:
    """The alert `name` with these labels."""
    return Expected(name, labels)


@dataclass(frozen=True)
class Spans:
    """A search of Jaeger: a trace that shows the cause has a span of this hop with these tags."""

    hop: str
    tags: Mapping[str, str]


class Drill(ABC):
    """One drill.

    name, breaks: what it is called, and what it does, in a sentence. alerts: those that it proves. muted:
    those that fire and are not notified, as one of `alerts` explains them. needs: the services without which
    it cannot be run. lines, spans: where log lines (LogQL) and traces show the cause; None where they do not.
    callers: how many threads call `repeat` again and again until it is healed. seconds: how long its alerts
    may take. is_notified_healed: whether they can only be notified after it is healed, as it breaks what
    notifies.
    """

    name: ClassVar[str]
    breaks: ClassVar[str]
    alerts: ClassVar[Sequence[Expected]]
    muted: ClassVar[Sequence[Expected]] = ()
    needs: ClassVar[Sequence[str]] = ()
    lines: ClassVar[str | None] = None
    spans: ClassVar[Spans | None] = None
    callers: ClassVar[int] = 0
    seconds: ClassVar[float] = ALERT_SECONDS
    is_notified_healed: ClassVar[bool] = False

    @property
    def proven(self) -> list[str]:
        """The names of the alerts that it proves."""
        return list(dict.fromkeys(alert.name for alert in (*self.alerts, *self.muted)))

    @abstractmethod
    def strike(self, instance: Instance) -> None:
        """Break it."""

    @abstractmethod
    def heal(self, instance: Instance) -> None:
        """Put it right. May run more than once, and in another process than the one that broke it."""

    def repeat(self, instance: Instance) -> None:  # noqa: B027 - most drills do nothing meanwhile
        """Do once what goes on while it is broken. Failures of requests are left to raise: they are part of
        what a drill is about."""
