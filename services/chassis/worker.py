"""gunicorn's threaded worker, with threads of their own for health and metrics, and refusals as problems."""

import contextlib
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

#: How requests begin that are answered however many others wait.
_PROBES: Final = (b"GET /health", b"HEAD /health", b"GET /metrics")
_PROBE_THREADS: Final = 3
_UNREAD_SECONDS: Final = 5.0
_ANY_SIZE: Final = 1 << 62
#: What gunicorn answers to requests that it refuses, the first that fits.
_REFUSALS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (errors.InvalidResponseHeader, 500),
    (errors.InvalidResponseHeaderName, 500),
    (errors.ConfigurationProblem, 500),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ExpectationFailed, 417),
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ParseException, 400),
)


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn is not typed
    """Answers probes while every other thread waits, for a database that hangs, for example.

    gunicorn gives a connection to its pool as it accepts it; here it waits for its first bytes beside the
    pool, so that they tell which threads it is for.
    """

    def get_thread_pool(self) -> "_Threads":
        return _Threads(self.cfg.threads)

    def enqueue_req(self, conn: TConn) -> None:
        if conn.initialized or conn.data_ready or _beginning(conn.sock):
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Whether a connection whose request was answered takes another one.

        What the application did not read of the body is read here. gunicorn gives up after 64 KiB of it and
        closes a connection of which it had said that it stays: nginx would lose the next caller's POST.
        """
        until = time.monotonic() + _UNREAD_SECONDS
        return keepalive and bool(conn.parser.finish_body(deadline=until, max_bytes=_ANY_SIZE))

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that never reached the application, or that it failed to answer."""
        from observability.http.problem import (  # here, as gunicorn's own process does without it
            Problem,
            last_answer,
        )

        status = next((status for kind, status in _REFUSALS if isinstance(exc, kind)), 500)
        if status == 500:
            self.log.exception("request failed")
        else:
            self.log.warning("message refused: %s", exc)
        detail = None if status == 500 else "The message is not well-formed, or larger than allowed."
        with contextlib.suppress(OSError):  # the caller is gone
            util.write_nonblock(client, last_answer(Problem(status, detail=detail)))


class _Threads:
    """A pool for requests, and one for probes."""

    def __init__(self, count: int) -> None:
        self._requests = ThreadPoolExecutor(count, "request")
        self._probes = ThreadPoolExecutor(_PROBE_THREADS, "probe")

    def submit(self, handle: Callable[[TConn], Any], conn: TConn) -> "Future[Any]":
        pool = self._probes if _beginning(conn.sock).startswith(_PROBES) else self._requests
        return pool.submit(handle, conn)

    def shutdown(self, wait: bool = True) -> None:
        self._requests.shutdown(wait=wait)
        self._probes.shutdown(wait=wait)


def _beginning(connection: socket.socket) -> bytes:
    """The first bytes that wait to be read; none where there are none yet."""
    with contextlib.suppress(OSError):
        return connection.recv(16, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return b""
