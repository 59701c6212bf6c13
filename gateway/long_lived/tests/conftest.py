"""The same servers as all of the gateway's tests have."""

from gateway.tests.conftest import serve, telemetry

__all__ = ["serve", "telemetry"]
