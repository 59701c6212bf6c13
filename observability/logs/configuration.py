"""Sends the records of every logger of the process to one handler."""

import logging
import sys
import threading
from types import TracebackType
from typing import Any

from observability.logs.handler import Handler

#: Loggers whose own handlers would write past ours.
REROUTED = (
    "uvicorn",
    "uvicorn.error",
    "gunicorn.error",
    "tornado",
    "kombu",
    "amqp",
    "django",
    "django.server",
)
#: Loggers of access lines, of which every hop has its own, with the trace id.
SILENCED = ("uvicorn.access", "gunicorn.access", "tornado.access")
#: Loggers that say at INFO what an operator does not need, or repeat at WARNING what the access line says.
CALMED = {"httpx": logging.WARNING, "django.request": logging.ERROR, "asyncio": logging.WARNING}


def configure(handler: Handler) -> None:
    """Send the records of every logger to the handler alone, from INFO up; uncaught exceptions too.

    Callers, threads and processes are in no line, so records no longer ask for them.
    """
    logging._srcfile = None  # the documented switch for it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, Handler) or type(other) is logging.StreamHandler:
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in REROUTED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in SILENCED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False
        logger.disabled = True
    for name, level in CALMED.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> Any:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical("Uncaught exception", exc_info=(kind, error, traceback))
