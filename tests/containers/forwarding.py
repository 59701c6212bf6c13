"""Ports of loopback that lead to containers, through networks which this machine has no address in."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.containers import network

Address = tuple[str, int]
_CHUNK = 65536


@contextlib.contextmanager
def forwarded(targets: Mapping[int, Address], inside: int) -> Iterator[None]:
    """Connections to a port of loopback go to its target, from the network of the process `inside`."""
    descriptor = os.open(f"/proc/{inside}/ns/net", os.O_RDONLY)
    try:
        # A socket is of the network that its thread was in when it was made, wherever it is used then.
        with ThreadPoolExecutor(1, initializer=network.enter, initargs=(descriptor,)) as connector:
            listeners = [_listen(port, target, connector) for port, target in targets.items()]
            try:
                yield
            finally:
                for listener in listeners:
                    listener.shutdown(socket.SHUT_RDWR)
                    listener.close()
    finally:
        os.close(descriptor)


def _listen(port: int, target: Address, connector: ThreadPoolExecutor) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed
            try:
                server = connector.submit(socket.create_connection, target, 5).result()
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
