"""Hostile openings of every port: what a peer announces, or never finishes, takes no memory."""

import contextlib
import resource
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import proc
from tests.conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(900)]

OPENINGS = 1000
MAX_GROWTH_BYTES = 64 * 1024 * 1024
TIMEOUT_SECONDS = 0.5
#: A port that lets so many openings in a row wait is full: what it does not take takes no memory of it.
FULL = 10

_HTTP = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(text: bytes) -> bytes:
    return bytes((len(text),)) + text


_GRPC_HEADERS = b"".join(
    (
        b"\x83\x86\x04",  # :method POST, :scheme http, :path as follows
        _literal(b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
        b"\x01" + _literal(b"x"),  # :authority
        b"\x00" + _literal(b"content-type") + _literal(b"application/grpc"),
        b"\x00" + _literal(b"te") + _literal(b"trailers"),
    )
)
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")

HOSTILE = (
    b"",
    # Fluentd's Forward protocol: a text, an array, a map of 4 Gi
    b"\x93\xa5cases\xdb\xff\xff\xff\xff",
    b"\x93\xa5cases\xdd\xff\xff\xff\xff",
    b"\x93\xa5cases\x01\xdf\xff\xff\xff\xff",
    b"\x93\xa5cases\xdb\x00\x3f\xff\xff" + b"x" * 10_000,
    # HTTP/1.1: a body, a chunk, a header, a request line without an end
    _HTTP + b"Content-Length: 4294967295\r\n\r\n{",
    _HTTP + b"Content-Length: 1000000\r\n\r\n" + b"x" * 10_000,
    _HTTP + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\nx",
    _HTTP + b"X: " + b"x" * 10_000,
    b"GET /" + b"x" * 10_000,
    b"GET /v1/traces HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(500)),
    # gRPC: a message of 4 GiB, of 3 MiB, headers without an end
    _HTTP2 + _frame(1, 4, 1, _GRPC_HEADERS) + _frame(0, 0, 1, b"\x00\xff\xff\xff\xff"),
    _HTTP2 + _frame(1, 4, 1, _GRPC_HEADERS) + _frame(0, 0, 1, b"\x00\x00\x30\x00\x00" + b"x" * 10_000),
    _HTTP2 + b"".join(_frame(1 if not part else 9, 0, 1, b"\x00" * 4000) for part in range(3)),
    # AMQP: a frame of 4 GiB; PostgreSQL: a start of 2 GiB; TLS: half a greeting; Erlang's port mapper
    b"AMQP\x00\x00\x09\x01\x01\x00\x00\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff\x00\x03\x00\x00",
    b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + b"x" * 10_000,
    b"\xff\xff",
)


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPENINGS + 1000)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def owners(stack: Stack) -> dict[int, set[int]]:
    """The ports that the instance listens on, and the processes that hold each."""
    held = {process.pid: proc.sockets(process.pid) for process in stack.supervisor.everything()}
    found = {
        port: {pid for pid, sockets in held.items() if sockets & inodes}
        for port, inodes in proc.listening().items()
    }
    return {port: pids for port, pids in found.items() if pids}


def resident(pids: set[int]) -> int:
    """Bytes of processes and of what they have started: PostgreSQL has a process for each connection."""
    table = proc.Table()
    family = {process.pid for pid in pids for process in table.tree(pid)}
    return sum(proc.memory(pid).resident for pid in family)


def open_all(address: tuple[str, int] | str, connections: contextlib.ExitStack) -> None:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    waited = 0
    for number in range(OPENINGS):
        connection = connections.enter_context(socket.socket(family))
        connection.settimeout(TIMEOUT_SECONDS)
        try:
            connection.connect(address)
            connection.sendall(HOSTILE[number % len(HOSTILE)])
            waited = 0
        except TimeoutError:
            waited += 1
            if waited == FULL:
                return
        except OSError:  # refused, or closed in the middle
            waited = 0


def growth(address: tuple[str, int] | str, pids: set[int]) -> int:
    """By how much processes are larger while the openings are open."""
    before = resident(pids)
    with contextlib.ExitStack() as connections:
        open_all(address, connections)
        return resident(pids) - before


def test_no_opening_of_a_port_takes_memory(stack: Stack) -> None:
    listening = owners(stack)
    assert {
        stack.layout.port(name) for name in ("collector-fluent", "edge-nginx", "loki")
    } <= listening.keys()
    names = {port: name for name, port in stack.layout.ports.items()}
    grown = {}
    for port, pids in sorted(listening.items()):
        name = names.get(port, str(port))
        grown[name] = growth(("127.0.0.1", port), pids)
        print(f"{name}: {grown[name] >> 20} MiB")  # shown when the test fails
    grown["supervisor"] = growth(str(stack.layout.supervisor_socket), {stack.supervisor.pid})
    assert all(Path(f"/proc/{pid}").exists() for pids in listening.values() for pid in pids), "a process died"
    assert {name: size >> 20 for name, size in grown.items() if size > MAX_GROWTH_BYTES} == {}
