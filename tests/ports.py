"""Ports for the servers that tests start."""

import itertools
import os
import socket

# Above what an instance of the platform takes, below what the kernel gives to connections
# (net.ipv4.ip_local_port_range): while a server is down on purpose, nobody else gets its port.
_ALL = range(31300, 32700)
# Two workers of a run (pytest-xdist) must not find the same port free: each has its own.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = _ALL[_WORKER :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
_turns = itertools.count(int.from_bytes(os.urandom(2)))  # runs beside each other begin at different places


def free_port() -> int:
    """A port of loopback that nobody listens on, another one each time."""
    for turn in itertools.islice(_turns, len(_PORTS)):
        port = _PORTS[turn % len(_PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"every port from {_PORTS.start} to {_PORTS.stop} is taken")
