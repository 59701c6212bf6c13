"""Rio and what it needs, as the tests of broker/ start it."""

from broker.tests.conftest import collector, folder, postgres, rabbit, rio, running_rio, sink

__all__ = ["collector", "folder", "postgres", "rabbit", "rio", "running_rio", "sink"]
