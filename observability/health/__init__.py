"""Health: named checks, what they add up to, and their gauges."""

from observability.health.health import Health, Observed, Report, reachable

__all__ = ["Health", "Observed", "Report", "reachable"]
