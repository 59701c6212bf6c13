"""Health: named checks, what they add up to, and their gauges."""

from observability.health.check import reachable
from observability.health.health import Health
from observability.health.report import Observed, Report

__all__ = ["Health", "Observed", "Report", "reachable"]
