"""One process per port: forked from one parent, which starts again what dies and stops them together."""

import ctypes
import os
import signal
import types

from tornado.process import fork_processes

PR_SET_PDEATHSIG = 1
#: A process that keeps dying is a fault that restarting does not mend.
MAX_RESTARTS = 100

_stopping = False


def fork(count: int) -> int:
    """Fork `count` processes and return, in each of them, its index from 0; the parent stays in here.

    SIGTERM to the parent stops every process gracefully; a parent that is killed takes them with it. SIGHUP
    to the parent reaches every process; one that is only starting reads what it needs afterwards anyway.
    """
    parent = os.getpid()
    signal.signal(signal.SIGTERM, _stop_all)
    signal.signal(signal.SIGINT, _stop_all)
    signal.signal(signal.SIGHUP, _tell_all)
    index = fork_processes(count, max_restarts=MAX_RESTARTS)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # Started again while the parent was stopping, or the parent died before the line above.
    if _stopping or os.getppid() != parent:
        raise SystemExit(0)
    return index


def _stop_all(number: int, frame: types.FrameType | None) -> None:
    global _stopping
    _stopping = True
    _tell_all(number, frame)


def _tell_all(number: int, _frame: types.FrameType | None) -> None:
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as children:
            for pid in children.read().split():
                os.kill(int(pid), number)
