"""Which of a run's workers (pytest-xdist) takes which tests, and in which order."""

import os
import signal

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Every test that uses the instance `test`: one worker takes them all, as only one may start it. They take
#: longer than anything else and come first.
STACK = "stack"
_STACK = ("tests/bench/tests/test_quick.py::test_console", "tests/console/", "tests/e2e/", "tests/faults/")
#: Its fixture `stack` is another one.
_OWN_STACK = "tests/containers"
#: Longer than any other folder: its modules come last, and whichever worker is free takes the next one.
_BY_MODULE = "broker/tests/"


class Scheduling(LoadScopeScheduling):
    """Gives a free worker the next unit of tests."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """The unit of a test: tests that share servers, which a worker therefore takes as a whole."""
    if nodeid.startswith(_STACK):
        return STACK
    module = nodeid.partition("::")[0]
    return module if module.startswith(_BY_MODULE) else module.rpartition("/")[0]


def arrange(items: list[pytest.Item]) -> None:
    """Put tests in the order in which workers are to take their units.

    Raises:
        pytest.UsageError: a test outside of its unit uses the instance, which two workers would then start.
    """
    strays = {item.nodeid for item in items if "stack" in getattr(item, "fixturenames", ())}
    strays = {nodeid for nodeid in strays if unit(nodeid) not in (STACK, _OWN_STACK)}
    if strays:
        raise pytest.UsageError(f"tests/workers.py, _STACK: has not {', '.join(sorted(strays))}")
    items.sort(key=lambda item: _rank(item.nodeid))


def let_finish(config: pytest.Config) -> None:
    """Have the first Ctrl-C end the workers, which it reaches, too, and not what waits for them.

    Else they are killed before they have stopped the servers that they started.
    """
    if config.getoption("numprocesses") and "PYTEST_XDIST_WORKER" not in os.environ:
        signal.signal(signal.SIGINT, _pass_over_once)


def _pass_over_once(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _rank(nodeid: str) -> int:
    """The remaining tests of `tests/` come second: the instance is taken down once its worker has left it."""
    if unit(nodeid) == STACK:
        return 0
    if nodeid.startswith("tests/"):
        return 1
    return 3 if nodeid.startswith(_BY_MODULE) else 2
