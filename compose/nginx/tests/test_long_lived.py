"""WebSockets and event streams pass both nginx, and may be silent for longer than an answer may take."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from compose.nginx.tests import stand

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
#: What the gateway says; services do not.
UNBUFFERED = b"X-Accel-Buffering: no\r\n"
#: Longer than what both nginx of these tests wait for an answer.
SILENCE = 1.5


class Behind(socketserver.ThreadingTCPServer):
    """Switches to an echo, or streams events, of which each waits for `go_on`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.go_on = threading.Semaphore(0)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: Behind

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (piece := self.request.recv(65536)):
            head += piece
        self.server.heads.append(head)
        if b"upgrade: websocket" in head.lower():
            self.request.sendall(SWITCH)
            while piece := self.request.recv(65536):
                self.request.sendall(piece)
        elif b"/refuses" in head:
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        else:
            self.request.sendall(STREAM + (UNBUFFERED if b" /v1/" in head else b"") + b"\r\n")
            for number in range(2):
                self.server.go_on.acquire(timeout=20)
                self.request.sendall(b"data: %d\n\n" % number)


@pytest.fixture
def behind() -> Iterator[Behind]:
    with Behind() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@contextmanager
def running(name: str, behind: Behind) -> Iterator[stand.Nginx]:
    """An edge that waits a second for an answer, or a services nginx that waits half of one."""

    def impatient(text: str) -> str:
        assert "proxy_read_timeout 15s;" in text
        return text.replace("proxy_read_timeout 15s;", "proxy_read_timeout 1s;")

    if name == "edge":
        with stand.edge([behind.address], edit=impatient) as nginx:
            yield nginx
    else:
        with stand.services({"chat": [behind.address]}) as nginx:
            yield nginx


def asking(name: str, *headers: str) -> bytes:
    path = "/v1/chat" if name == "edge" else "/chat"
    credential = f"X-Platform-Credential: {stand.GATEWAY_CREDENTIAL}"
    return "\r\n".join([f"GET {path}?a=%2F HTTP/1.1", "Host: a", credential, *headers, "", ""]).encode()


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    return received


both = pytest.mark.parametrize("name", ["edge", "services"])


@both
def test_a_websocket_may_be_silent(name: str, behind: Behind) -> None:
    with running(name, behind) as nginx, socket.create_connection(("127.0.0.1", nginx.port), 20) as client:
        client.sendall(asking(name, "Upgrade: WebSocket", "Connection: Upgrade"))
        head = read_until(client, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        (passed,) = behind.heads
        assert b"\r\nUpgrade: websocket\r\n" in passed
        assert b"\r\nConnection: upgrade\r\n" in passed
        assert b" /" + asking(name).split(b" /")[1].split(b" ")[0] + b" " in passed  # as it was sent
        client.sendall(b"one")
        assert read_until(client, b"one") == b"one"
        time.sleep(SILENCE)
        client.sendall(b"two")
        assert read_until(client, b"two") == b"two"
        assert not nginx.lines("access")
        client.close()
        (line,) = stand.until(lambda: nginx.lines("access"), "access line")
        (span,) = stand.until(lambda: nginx.lines("long-lived"), "span")
        assert stand.parse(line)["status"] == 101
        assert stand.flatten(stand.parse(span))["attributes"]["http.response.status_code"] == 101
        assert not nginx.lines("spans"), "of what is counted"


@both
def test_events_pass_one_by_one_and_may_be_far_apart(name: str, behind: Behind) -> None:
    with running(name, behind) as nginx, socket.create_connection(("127.0.0.1", nginx.port), 20) as client:
        client.sendall(asking(name, "Accept: application/json;q=0.1, text/event-stream"))
        behind.go_on.release()
        assert b"data: 0\n\n" in read_until(client, b"data: 0\n\n\r\n")
        time.sleep(SILENCE)
        behind.go_on.release()
        assert b"data: 1\n\n" in read_until(client, b"0\r\n\r\n")
        stand.until(lambda: nginx.lines("long-lived"), "span")
        assert not nginx.lines("spans")


@both
def test_what_fails_there_has_its_page(name: str, behind: Behind) -> None:
    accept = {"Accept": "text/event-stream", "X-Platform-Credential": stand.GATEWAY_CREDENTIAL}
    path = "/v1/refuses" if name == "edge" else "/chat/refuses"
    with running(name, behind) as nginx:
        answer = nginx.request("GET", path, accept)
        assert (answer.status, answer.body) == (403, b"no")
        behind.server_close()
        assert nginx.request("GET", path, accept).problem()["status"] == 502


@both
def test_nothing_else_is_switched_to(name: str, behind: Behind) -> None:
    with running(name, behind) as nginx:
        for upgrade in ("h2c", "websocket, h2c", "websocketx"):
            with socket.create_connection(("127.0.0.1", nginx.port), 20) as client:
                client.sendall(asking(name, f"Upgrade: {upgrade}", "Connection: Upgrade"))
                assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        for head in behind.heads:
            assert b"pgrade" not in head


@both
def test_an_upgrade_that_connection_does_not_name_is_none(name: str, behind: Behind) -> None:
    with running(name, behind) as nginx:
        for options, status in [
            ([], 200),
            (["Connection: close"], 200),
            (["Connection: upgraded, x-upgrade"], 200),
            (["Connection: keep-alive , upgrade"], 101),
            (["Connection: Upgrade,keep-alive"], 101),
        ]:
            with socket.create_connection(("127.0.0.1", nginx.port), 20) as client:
                client.sendall(asking(name, "Upgrade: websocket", *options))
                assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)
            assert (b"pgrade" in behind.heads[-1]) is (status == 101)


@both
def test_both_nginx_wait_longer_than_a_route_may_say(name: str) -> None:
    schema = yaml.safe_load((stand.TEMPLATES.parents[1] / "gateway/routes.schema.json").read_text())
    longest = schema["$defs"]["long-lived"]["properties"]["idle_seconds"]["maximum"]
    text = Path(stand.TEMPLATES / f"{name}.conf.j2").read_text()
    assert f"set long_lived_seconds = {longest + 30} " in text


def test_one_address_cannot_hold_all_places_of_a_service(behind: Behind) -> None:
    upgrade = asking("edge", "Upgrade: websocket", "Connection: Upgrade")
    with running("edge", behind) as nginx, ExitStack() as clients:
        statuses = []
        for _ in range(65):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", nginx.port), 20))
            client.sendall(upgrade)
            statuses.append(client.recv(12)[9:])
        assert statuses == [b"101"] * 64 + [b"429"]
        assert nginx.request("GET", "/v1/refuses").status == 403, "other requests pass"
        assert (
            nginx.request("GET", "/v1/refuses", {"Accept": "text/event-stream"}, source="127.0.0.9").status
            == 403
        )
