"""Signals and garbage collection of the processes of Rio and of the relay."""

import asyncio
import gc
import signal
from typing import Final

_GARBAGE: Final = 20_000


def stop_signal() -> asyncio.Event:
    """An event set when the process is asked to end (SIGTERM, SIGINT)."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def spare_the_collector() -> None:
    """Have Python's garbage collector look at events alone, and less often: to be called once all stands.

    What stands by then stays; the collector need not look at it again for every few hundred events.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE)
