"""Flushes queued telemetry when a process forks and when it ends.

Records that are deferred become lines, and lines are then written to stderr: in this order, whichever module
is imported first.
"""

import atexit
import os

from observability.deferred import DEFERRED
from observability.logs.stderr import LINES


def _before_fork() -> None:
    DEFERRED.flush()
    LINES.flush()


def _in_child() -> None:
    DEFERRED.forked()
    LINES.forked()


def _at_exit() -> None:
    DEFERRED.close()
    LINES.close()


def register() -> None:
    """Have the interpreter call these functions; called once, as `observability.logs` is imported."""
    atexit.register(_at_exit)
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
