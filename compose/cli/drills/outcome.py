"""The outcome of a drill: the times of its alerts, and where its cause was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from compose.cli.drills.drill import Drill, Expected


@dataclass
class Times:
    """The times of one alert, in seconds: from the fault to pending, firing and notified; from healing to
    resolved, as notified. None for what was not seen. is_muted: whether `notified` is when Alertmanager muted
    it, and `resolved` when Prometheus no longer had it."""

    alert: Expected
    is_muted: bool = False
    pending: float | None = None
    firing: float | None = None
    notified: float | None = None
    resolved: float | None = None

    def __str__(self) -> str:
        return f"{self.alert}, muted" if self.is_muted else str(self.alert)

    @property
    def is_whole(self) -> bool:
        """Whether it was notified, and that it was resolved, too."""
        return self.notified is not None and self.resolved is not None


@dataclass
class Outcome:
    """One drill's outcome. line, trace_id: the log line and the trace that show the cause. others: the alerts
    that were notified besides. failure: why it failed; None where it did not."""

    drill: Drill
    times: list[Times]
    line: str | None = None
    trace_id: str | None = None
    others: list[str] = field(default_factory=list)
    failure: str | None = None

    @classmethod
    def of(cls, drill: Drill) -> Outcome:
        """Of a drill that begins."""
        muted = [Times(alert, is_muted=True) for alert in drill.muted]
        return cls(drill, [*map(Times, drill.alerts), *muted])

    @property
    def is_passed(self) -> bool:
        """Whether every alert was notified and resolved, and the cause seen where it can be."""
        return self.failure is None and all(times.is_whole for times in self.times)

    @property
    def unresolved(self) -> list[Times]:
        """The alerts that were notified, and not yet that they are resolved."""
        return [times for times in self.times if times.notified is not None and times.resolved is None]

    def missing(self) -> list[str]:
        """The expectations that were not met, in words."""
        found = [f"{times} was not seen in Alertmanager" for times in self.times if times.notified is None]
        found += [f"{times} was not seen resolved" for times in self.unresolved]
        if self.drill.lines and self.line is None:
            found.append("no log line shows the cause")
        if self.drill.spans and self.trace_id is None:
            found.append("no trace shows the cause")
        return found

    def document(self) -> dict[str, object]:
        """The outcome as JSON."""
        return {
            "drill": self.drill.name,
            "breaks": self.drill.breaks,
            "passed": self.is_passed,
            "failure": self.failure,
            "alerts": [
                {
                    "alert": times.alert.name,
                    "labels": dict(times.alert.labels),
                    "muted": times.is_muted,
                    "pending_seconds": times.pending,
                    "firing_seconds": times.firing,
                    "notified_seconds": times.notified,
                    "resolved_seconds": times.resolved,
                }
                for times in self.times
            ],
            "log_line": self.line,
            "trace_id": self.trace_id,
            "also_notified": self.others,
        }
