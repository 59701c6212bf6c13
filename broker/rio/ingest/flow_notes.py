"""Notes of accepted events that belong to flows, in memory until the next write."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace

from broker.rio.model.event import Event
from broker.rio.settings import FlowRule
from observability.postgresql.text import indexable, storable
from observability.propagation import traceparent_of

_MAX_NOTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class FlowNote:
    """An event of a flow.

    Attributes:
        place: 0 of the event that begins the flow, else the number of its step, from 1.
        noted_at: by `time.monotonic`.
        traceparent: of the span it was accepted in; None without a trace.
    """

    rule: FlowRule
    subject: str
    place: int
    noted_at: float
    traceparent: str | None


class FlowNotes:
    """Notes of what this process accepted since they were taken last.

    Attributes:
        rules: those that are followed, by name.
        emitters: which service emits each type.
        is_incomplete: whether notes were left out or lost; the event log has these events.
    """

    def __init__(self) -> None:
        self.rules: Mapping[str, FlowRule] = {}
        self.emitters: Mapping[str, str] = {}
        self.is_incomplete = False
        self._places: dict[str, list[tuple[FlowRule, int]]] = {}
        self._notes: list[FlowNote] = []

    def follow(self, rules: Iterable[FlowRule], emitters: Mapping[str, Iterable[str]]) -> None:
        """Note events of these rules from now on; `emitters`: which types each service emits."""
        self.rules = {rule.name: rule for rule in rules}
        self.emitters = {type_: service for service, types in emitters.items() for type_ in types}
        places: dict[str, list[tuple[FlowRule, int]]] = {}
        for rule in self.rules.values():
            for place, types in enumerate(([rule.begins], *(step.types for step in rule.steps))):
                for type_ in types:
                    places.setdefault(type_, []).append((rule, place))
        self._places = places

    def places(self, event: Event) -> list[tuple[FlowRule, int]]:
        """The rules that an event belongs to, and its place in each; none without a subject."""
        return self._places.get(event.type, []) if event.subject is not None else []

    def accepted(self, event: Event) -> None:
        """Note an accepted event, if a flow has such events. Call this in the event's span."""
        if event.type not in self._places:
            return
        if len(self._notes) >= _MAX_NOTES:
            self.is_incomplete = True
            return
        span = trace.get_current_span().get_span_context()
        traceparent = traceparent_of(span) if span.is_valid else None
        now = time.monotonic()
        for rule, place in self.places(event):
            self._notes.append(FlowNote(rule, subject_of(event), place, now, traceparent))

    def take(self) -> list[FlowNote]:
        """The notes, oldest first; they are not kept."""
        notes, self._notes = self._notes, []
        return notes


def subject_of(event: Event) -> str:
    """An event's subject as the flow's row has it."""
    return indexable(storable(event.subject or ""))
