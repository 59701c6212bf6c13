"""What Rio's and the relay's processes have in common."""

import asyncio
import signal


def stop_signal() -> asyncio.Event:
    """An event set when the process is asked to end (SIGTERM, SIGINT)."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
