"""A thread that owns one RabbitMQ connection: AMQP clients are not thread-safe, event loops must not block.

The thread sleeps on two descriptors, the connection's socket and a pipe other threads write to, so it
reacts at once to both and needs no polling.
"""

import contextlib
import logging
import os
import selectors
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import kombu.connection
from amqp.exceptions import AMQPError
from kombu.utils.url import parse_url

from observability.resilience.backoff import Backoff

_logger = logging.getLogger(__name__)

_Connection: Any = kombu.connection.Connection  # kombu has no types: connections and channels are Any

_CONNECT_SECONDS: Final = 3.0
_HEARTBEAT_SECONDS: Final = 10
_IO_SECONDS: Final = 10.0
_TURN_SECONDS: Final = 1.0
_FRAMES_A_TURN: Final = 500
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RabbitAddress:
    """Where RabbitMQ is and how to log in."""

    url: str
    """amqp://user@host:port/vhost, without the password."""
    password: str

    def connection(self, **transport_options: Any) -> Any:
        """A connection not opened yet."""
        parts = parse_url(self.url)
        return _Connection(
            hostname=parts["hostname"],
            port=parts["port"],
            userid=parts["userid"],
            password=self.password,
            virtual_host=parts["virtual_host"] or "/",
            transport="pyamqp",
            connect_timeout=_CONNECT_SECONDS,
            heartbeat=_HEARTBEAT_SECONDS,
            transport_options={
                "read_timeout": _IO_SECONDS,
                "write_timeout": _IO_SECONDS,
                "login_method": "PLAIN",
                **transport_options,
            },
        )


class ConnectionThread(threading.Thread):
    """Keeps a connection open and calls the hooks below, all on this thread."""

    def __init__(self, name: str, address: RabbitAddress) -> None:
        super().__init__(name=name, daemon=True)
        self.connected: Final = threading.Event()
        """Set while the connection stands and `on_connected` has been through."""
        self.blocked: Final = threading.Event()
        """Set while RabbitMQ takes no messages (memory or disk alarm)."""
        self._address = address
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    # --- hooks

    def on_connected(self, connection: Any) -> None:
        """Open channels and declare what is needed."""

    def on_turn(self) -> None:
        """Do the queued work; called after every wake-up and batch of frames, at least once a second."""

    def on_lost(self) -> None:
        """The connection is gone, with everything that was open on it."""

    def busy(self) -> bool:
        """Whether a stop has to wait for more turns."""
        return False

    # --- for other threads

    def wake(self) -> None:
        """Have `on_turn` called soon."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def check(self) -> None:
        """A health check: raises while there is no usable connection."""
        if not self.connected.is_set():
            raise ConnectionError("RabbitMQ is not connected")
        if self.blocked.is_set():
            raise ConnectionError("RabbitMQ blocks publishers: a memory or disk alarm")

    def stop(self, timeout_seconds: float) -> None:
        """End the thread once it is no longer busy, or after the timeout."""
        self._stopping.set()
        self.wake()
        self.join(timeout_seconds)

    # --- the thread

    def run(self) -> None:
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while not self._stopping.is_set():
            try:
                with self._open() as connection:
                    backoff.reset()
                    self._serve(connection)
            except Exception as error:
                # Whatever it was, it was in this connection: the next one starts from nothing.
                expected = isinstance(error, OSError | AMQPError)
                _logger.warning(
                    "RabbitMQ connection lost",
                    extra={"connection": self.name, "reason": repr(error)},
                    exc_info=not expected,
                )
            finally:
                self.connected.clear()
                self.blocked.clear()
                self.on_lost()
            self._stopping.wait(backoff.next())

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        connection = self._address.connection(
            on_blocked=lambda _reason: self.blocked.set(), on_unblocked=self.blocked.clear
        )
        try:
            connection.connect()
            yield connection
        finally:
            # A stop says good-bye; a connection that broke is only let go of.
            (connection.release if self._stopping.is_set() else connection.collect)()

    def _serve(self, connection: Any) -> None:
        self.on_connected(connection)
        self.connected.set()
        _logger.info("RabbitMQ connected", extra={"connection": self.name})
        amqp = connection.connection
        with selectors.DefaultSelector() as selector:
            selector.register(amqp.sock, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while not self._stopping.is_set() or self.busy():
                self.on_turn()
                ready = {key.fd for key, _ in selector.select(_TURN_SECONDS)}
                if self._wake_read in ready:
                    self._drain_wakes()
                if amqp.sock.fileno() in ready:
                    self._read(amqp)
                connection.heartbeat_check()

    def _read(self, amqp: Any) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(amqp.sock, selectors.EVENT_READ)
            for _ in range(_FRAMES_A_TURN):
                amqp.blocking_read(_IO_SECONDS)
                if not selector.select(0):
                    return

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass
