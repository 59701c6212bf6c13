"""What every Python hop of the platform uses: tracing, logs, metrics, health and error answers.

telemetry = setup("accounts")
frameworks.flask.instrument(app, telemetry)
"""

from observability.telemetry import Telemetry, current, setup

__all__ = ["Telemetry", "current", "setup"]
