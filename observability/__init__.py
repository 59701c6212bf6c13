"""The observability library of every Python hop: tracing, logs, metrics, health and error responses.

telemetry = setup("accounts")
frameworks.flask.instrument(app, telemetry)
"""

from observability.telemetry import Telemetry, current, setup

__all__ = ["Telemetry", "current", "setup"]
