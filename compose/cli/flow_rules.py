"""Flow rules of the catalog: what has to follow an event, and how soon, whatever service emits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observability.configuration.yaml_document import Document, Field


@dataclass(frozen=True)
class FlowStep:
    """An event of one of `types` has to come, at most `within_seconds` after the step before."""

    types: Sequence[str]
    within_seconds: float


@dataclass(frozen=True)
class FlowRule:
    """A rule of what has to follow each event of the type `begins`, in events of the same subject
    (services/service.schema.json says what each field means)."""

    name: str
    begins: str
    steps: Sequence[FlowStep]
    broken_after_seconds: float


def read(content: Sequence[Mapping[str, Any]]) -> tuple[FlowRule, ...]:
    """The flow rules of a manifest that its schema accepts."""
    return tuple(
        FlowRule(**{**rule, "steps": tuple(FlowStep(**step) for step in rule["steps"])}) for rule in content
    )


def check(
    services: Mapping[str, tuple[Sequence[str], Sequence[FlowRule]]], documents: Mapping[str, Document]
) -> None:
    """Add to the manifests' faults what is wrong with their flow rules.

    services: what each service emits, and its flow rules, by its name.
    """
    emitted = {event_type for emits, _ in services.values() for event_type in emits}
    owners: dict[str, str] = {}
    for name, (emits, rules) in services.items():
        document = documents[name]
        for position, rule in enumerate(rules):
            where = ("flows", position)
            if rule.name in owners:
                document.fault((*where, "name"), f"{rule.name!r} is a flow of {owners[rule.name]} already")
            owners[rule.name] = name
            if rule.begins not in emits:
                document.fault((*where, "begins"), f"{name} does not emit {rule.begins!r}")
            if rule.broken_after_seconds <= (longest := sum(step.within_seconds for step in rule.steps)):
                detail = f"is no more than its steps may take together, {longest:g}"
                document.fault((*where, "broken_after_seconds"), detail)
            _check_steps(rule, where, document, emitted)


def _check_steps(rule: FlowRule, where: Field, document: Document, emitted: set[str]) -> None:
    seen = {rule.begins}
    for number, step in enumerate(rule.steps):
        for position, event_type in enumerate(step.types):
            place = (*where, "steps", number, "types", position)
            if event_type in seen:
                document.fault(place, f"{event_type!r} is in the flow already")
            elif event_type not in emitted:
                document.fault(place, f"no service emits {event_type!r}")
            seen.add(event_type)
