"""The same hop as all of the gateway's tests have."""

from gateway.tests.conftest import hop

__all__ = ["hop"]
