"""Metrics and log lines of flows that became overdue, or ended."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry import context

from broker.measurement import Measurements
from broker.rio import tracing
from broker.rio.flow_metrics import FlowMetrics
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.model.flow_judgement import Judgement, Outcome, duration
from broker.rio.settings import FlowRule
from broker.rio.store.flows import Flow, OpenFlows

_logger = logging.getLogger(__name__)

_ENDED: Final = (Outcome.COMPLETE, Outcome.LATE)


class FlowReport:
    """Tells of flows.

    Attributes:
        measurement: of the gauges that `show` sets.
    """

    def __init__(self, notes: FlowNotes, metrics: FlowMetrics, measurements: Measurements) -> None:
        self._notes = notes
        self._metrics = metrics
        self.measurement = measurements.of("flows", lambda _: metrics.clear())

    def changes(self, judged: Iterable[tuple[Flow, Judgement]]) -> None:
        """Count and log what is new in judgements."""
        for flow, judgement in judged:
            rule = self._notes.rules.get(flow.rule)
            if rule is not None:
                self._change(rule, flow, judgement)

    def show(self, waiting: Iterable[OpenFlows]) -> None:
        """Show how many flows are open."""
        self._metrics.show(self._notes.rules.values(), waiting, self._notes.emitters)

    def _change(self, rule: FlowRule, flow: Flow, judgement: Judgement) -> None:
        if judgement.outcome is not None and flow.outcome is None:
            self._metrics.ended(rule, judgement.outcome, judgement.step, self._notes.emitters)
            if judgement.outcome in _ENDED:
                self._metrics.took(rule, duration(rule, flow.times).total_seconds(), flow.trace_id)
            if judgement.outcome is not Outcome.COMPLETE:
                _log(f"flow {judgement.outcome}", flow, _fields(rule, flow, judgement))
        elif flow.outcome is None and judgement.is_overdue and not flow.is_overdue:
            _log("flow overdue", flow, _fields(rule, flow, judgement))


def _fields(rule: FlowRule, flow: Flow, judgement: Judgement) -> Mapping[str, Any]:
    step = None if judgement.step is None else rule.steps[judgement.step].name
    begun = flow.times[0]
    return {
        "flow": flow.rule,
        "subject": flow.subject,
        "step": step,
        "begun_at": None if begun is None else begun.isoformat(),
    }


def _log(message: str, flow: Flow, fields: Mapping[str, Any]) -> None:
    """Write a line in the flow's own trace."""
    carrier = {} if flow.traceparent is None else {"traceparent": flow.traceparent}
    token = context.attach(tracing.context_of(carrier) or context.Context())
    try:
        _logger.warning(message, extra=fields)
    finally:
        context.detach(token)
