"""What is told of flows: that each is told once, whatever has become of its rule."""

import logging
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from broker.measurement import Measurements
from broker.rio.flow_metrics import FlowMetrics
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.jobs.flow_report import FlowReport
from broker.rio.model.flow_judgement import Judgement, Outcome
from broker.rio.settings import FlowRule, FlowStep
from broker.rio.store.flows import Flow

RULE = FlowRule(
    name="order",
    begins="order.placed",
    steps=[FlowStep(types=["order.confirmed"], within_seconds=30)],
    broken_after_seconds=90_000,
)


def test_a_broken_flow_whose_rule_has_fewer_steps_by_now_is_told_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    registry, notes = CollectorRegistry(), FlowNotes()
    notes.follow([RULE], {"orders": ["order.placed", "order.confirmed"]})
    report = FlowReport(notes, FlowMetrics(registry), Measurements(registry))
    times = [datetime(2026, 1, 1, tzinfo=UTC), None, None]
    broken = Flow("order", "1", times, None, Outcome.BROKEN, 1, is_overdue=False)
    overdue = Judgement(Outcome.BROKEN, 1, is_overdue=True, is_finished=False, look_at=None)
    report.changes([(broken, overdue)])
    assert caplog.records == []
