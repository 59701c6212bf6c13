"""The observability library of every Python hop: tracing, logs, metrics, health and error responses.

telemetry = setup("accounts")
frameworks.flask.instrument(app, telemetry)

The names are imported when they are first used: the command line reads configuration by
`observability.configuration`, and goes without OpenTelemetry, which takes longer to import than most
commands do.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observability.telemetry import Telemetry, current, setup
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from observability import telemetry

        return getattr(telemetry, name)


__all__ = ["Telemetry", "current", "setup"]
