"""The same telemetry as all of the gateway's tests have."""

from gateway.tests.conftest import telemetry

__all__ = ["telemetry"]
