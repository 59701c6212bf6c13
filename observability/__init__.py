"""What every Python hop of the platform uses: tracing, logs, metrics, health and error answers.

hop = setup("accounts")
frameworks.flask.instrument(app, hop)
"""

from observability.hop import Hop, current, setup

__all__ = ["Hop", "current", "setup"]
