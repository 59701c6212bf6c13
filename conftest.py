"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests import states, workers

# A test run writes nothing into an instance that its shell was set up for: a process that is not told where
# to send telemetry sends it nowhere.
for name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[name]
for name in ("FLUENT_ADDRESS", "COLLECTOR_HEALTH_URL"):
    os.environ.pop(name, None)

# How long a machine takes is not what properties are about.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

EXAMPLES = ("accounts", "inventory", "notifications", "orders")
"""The services that come with the platform, and that a team replaces by its own."""


@pytest.fixture(scope="session", autouse=True)
def _states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leaves no state of a checkout that a test made, whether it passed or not."""
    yield
    states.remove(tmp_path_factory.getbasetemp())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the tests that fit this run and this catalog; order them for workers where it has some."""
    for marker in ("long", "containers"):
        if marker not in config.option.markexpr:
            _leave_out(config, items, marker)
    services = Path(__file__).parent / "services"
    missing = [name for name in EXAMPLES if not (services / name / "service.yaml").exists()]
    if missing:
        skipped = pytest.mark.skip(reason=f"about the example services; not here: {', '.join(missing)}")
        for item in items:
            if item.get_closest_marker("example"):
                item.add_marker(skipped)

    if "PYTEST_XDIST_WORKER" in os.environ:
        workers.arrange(items)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Leave no server behind after Ctrl-C."""
    workers.let_finish(session.config)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> workers.Scheduling:
    """Share out the tests of `pytest -n` so that only one worker starts the instance."""
    return workers.Scheduling(config, log)


def _leave_out(config: pytest.Config, items: list[pytest.Item], marker: str) -> None:
    marked = [item for item in items if item.get_closest_marker(marker)]
    config.hook.pytest_deselected(items=marked)
    items[:] = [item for item in items if item not in marked]
