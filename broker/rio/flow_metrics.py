"""Metrics of the flows that the catalog's rules watch."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from broker.rio.model.flow_judgement import Outcome
from broker.rio.settings import FlowRule
from broker.rio.store.flows import OpenFlows
from observability.histogram import DurationHistogram
from observability.metrics import DURATION_BUCKETS

_SECONDS: Final = (*DURATION_BUCKETS, 20, 30, 60, 90, 300, 900)
_WITH_STEP: Final = (Outcome.LATE, Outcome.BROKEN)


class FlowMetrics:
    """How many flows are open and what became of those that were.

    The label `step` says what was waited for, and `service` which service emits that; both are empty of what
    came in time.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["flow", "step", "service"]
        self._open = Gauge(
            "rio_flows_open",
            "Flows that have begun and not ended, by the step they wait for.",
            labels,
            registry=registry,
        )
        self._overdue = Gauge(
            "rio_flows_overdue",
            "Open flows whose next step should have come already.",
            labels,
            registry=registry,
        )
        self._ended = Counter(
            "rio_flows_total",
            "Flows that ended: complete, late (a step came too late) or broken (a step did not come).",
            ["outcome", *labels],
            registry=registry,
        )
        self._seconds = DurationHistogram(
            "rio_flow_duration_seconds",
            "Time from the event that begins a flow to the one that ends it.",
            ["flow"],
            _SECONDS,
            registry,
        )

    def expect(self, rules: Iterable[FlowRule], services: Mapping[str, str]) -> None:
        """Show the counters of these rules at 0 until their first flow: rates see it as an increase.

        `services`: which service emits each type.
        """
        for rule in rules:
            self._seconds.of(rule.name)
            self._ended.labels(Outcome.COMPLETE, rule.name, "", "")
            for number in range(len(rule.steps)):
                for outcome in _WITH_STEP:
                    self._ended.labels(outcome, rule.name, *_step(rule, number, services))

    def ended(self, rule: FlowRule, outcome: Outcome, step: int | None, services: Mapping[str, str]) -> None:
        """Count a flow by its outcome, and the step that was late or did not come."""
        self._ended.labels(outcome, rule.name, *_step(rule, step, services)).inc()

    def took(self, rule: FlowRule, seconds: float, trace_id: str | None) -> None:
        """Record how long a flow took all of whose events came."""
        self._seconds.of(rule.name).observe(seconds, trace_id)

    def show(
        self, rules: Iterable[FlowRule], waiting: Iterable[OpenFlows], services: Mapping[str, str]
    ) -> None:
        """Show how many flows wait for each step of the rules."""
        self.clear()
        found = {(one.rule, one.step): one for one in waiting}
        for rule in rules:
            for number in range(len(rule.steps)):
                labels, one = (rule.name, *_step(rule, number, services)), found.get((rule.name, number))
                self._open.labels(*labels).set(one.open if one else 0)
                self._overdue.labels(*labels).set(one.overdue if one else 0)

    def clear(self) -> None:
        """Show nothing: the store cannot be read."""
        self._open.clear()
        self._overdue.clear()


def _step(rule: FlowRule, number: int | None, services: Mapping[str, str]) -> tuple[str, str]:
    if number is None:
        return "", ""
    step = rule.steps[number]
    return step.name, services.get(step.types[0], "")
