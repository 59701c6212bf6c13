"""What every Python hop of the platform uses: tracing, logs, metrics, health and error answers.

hop = setup("accounts")
frameworks.flask.instrument(app, hop)
"""

from observability.telemetry import Telemetry, current, setup

__all__ = ["Telemetry", "current", "setup"]
