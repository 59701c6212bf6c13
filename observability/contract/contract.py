"""The contract: of each part the spans, log lines, metrics, alerts and dashboards that there have to be."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from observability.configuration.yaml_document import Document

FILE: Final = Path(__file__).parents[1] / "contract.yaml"
SCHEMA: Final = Path(__file__).parents[1] / "contract.schema.json"
_MAX_BYTES: Final = 256 * 1024
_PLACE: Final = "{part}"


@dataclass(frozen=True)
class SpanRule:
    """Spans that a part has to make.

    Attributes:
        kind: OpenTelemetry's span kind, in lower case.
        name: what their names match, a regular expression.
        attributes: those that each of them has.
        failed: those that each has besides once it has failed.
        after: the counter, a PromQL selector, of what causes them; there is a span if it grew.
    """

    kind: str
    name: str
    attributes: tuple[str, ...]
    failed: tuple[str, ...]
    after: str


@dataclass(frozen=True)
class LineRule:
    """Log lines that a part has to write.

    Attributes:
        name: what they tell of, for people.
        where: LogQL that finds them among the part's lines, such as `logger="access"`.
        fields: those that each of them has.
        after: as of spans.
    """

    name: str
    where: str
    fields: tuple[str, ...]
    after: str


@dataclass(frozen=True)
class MetricRule:
    """A metric that a part has to have.

    Attributes:
        series: a PromQL selector, of which there is a series.
        after: as of spans; None for a metric that is there from the start.
    """

    series: str
    after: str | None


@dataclass(frozen=True)
class Part:
    """A hop or another part of the platform, and what it has to tell of itself.

    Attributes:
        name: its `service.name`.
        alerts: names of those that tell of its faults.
        dashboards: uids of those that show it.
    """

    name: str
    spans: tuple[SpanRule, ...]
    lines: tuple[LineRule, ...]
    metrics: tuple[MetricRule, ...]
    alerts: tuple[str, ...]
    dashboards: tuple[str, ...]


def load(services: Sequence[Mapping[str, Any]], others: Sequence[str]) -> list[Part]:
    """The parts of an instance: those of the contract, and every service by the kinds that it is of.

    Args:
        services: as the catalog has them: name, framework, database, emits and subscriptions.
        others: names of the contract's own parts that the instance has.

    Raises:
        FaultyDocument: the contract is wrong; every fault with its line and field.
    """
    document = Document.read(FILE, "observability/contract.yaml", max_bytes=_MAX_BYTES)
    if not document.faults:
        document.check(json.loads(SCHEMA.read_text()))
    document.refuse()
    _check(document)
    document.refuse()
    kinds, parts = document.content["kinds"], document.content["parts"]
    own = [_part(name, parts[name], kinds) for name in parts if name in others]
    return own + [_part(service["name"], {"kinds": _kinds_of(service, kinds)}, kinds) for service in services]


def _check(document: Document) -> None:
    """Note kinds that there are not, and names that are no regular expressions."""
    kinds = document.content["kinds"]
    for group, members in document.content.items():
        for name, sections in members.items():
            for position, kind in enumerate(sections.get("kinds", ())):
                if kind not in kinds:
                    document.fault((group, name, "kinds", position), f"there is no kind {kind}")
            for position, rule in enumerate(sections.get("spans", ())):
                try:
                    re.compile(rule["name"])
                except re.error as error:
                    document.fault(
                        (group, name, "spans", position, "name"), f"no regular expression: {error}"
                    )


def _kinds_of(service: Mapping[str, Any], kinds: Mapping[str, Any]) -> list[str]:
    framework = service["framework"].casefold().replace(" ", "-")
    found = ["service", *(name for name, kind in kinds.items() if framework in kind.get("frameworks", ()))]
    if service["database"] is not None:
        found.append("service with a database")
    if service["subscriptions"]:
        found.append("receiver of events")
    return found


def _part(name: str, own: Mapping[str, Any], kinds: Mapping[str, Any]) -> Part:
    sections = [*(kinds[kind] for kind in own.get("kinds", ())), own]

    def entries(section: str) -> Iterator[Any]:
        for one in sections:
            yield from one.get(section, ())

    def filled(text: str) -> str:
        return text.replace(_PLACE, name)

    spans = (
        SpanRule(
            rule["kind"],
            filled(rule["name"]),
            tuple(rule["attributes"]),
            tuple(rule.get("failed", ())),
            filled(rule["after"]),
        )
        for rule in entries("spans")
    )
    lines = (
        LineRule(rule["name"], filled(rule["where"]), tuple(rule["fields"]), filled(rule["after"]))
        for rule in entries("lines")
    )
    metrics = (
        MetricRule(filled(_selector(rule["series"])), filled(rule["after"]) if "after" in rule else None)
        for rule in ({"series": one} if isinstance(one, str) else one for one in entries("metrics"))
    )
    return Part(
        name,
        tuple(spans),
        tuple(lines),
        tuple(metrics),
        tuple(entries("alerts")),
        tuple(entries("dashboards")),
    )


def _selector(metric: str) -> str:
    return metric if "{" in metric else f'{metric}{{service="{_PLACE}"}}'
