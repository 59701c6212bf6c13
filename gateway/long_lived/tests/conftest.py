"""The same servers as all of the gateway's tests have."""

from gateway.tests.conftest import hop, serve

__all__ = ["hop", "serve"]
