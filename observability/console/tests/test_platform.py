"""The platform's description: instance, catalog, and processes as their supervisor has them."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from observability.console.tests import consoles
from observability.console.tests.consoles import Console

FOUND = {
    "name": "gateway",
    "namespace": "default",
    "status": "Running",
    "has_ready_probe": True,
    "is_ready": "Ready",
    "restarts": 1,
    "age": 2_500_000_000,
    "exit_code": 0,
    "pid": 42,
}
STATUS = "/api/platform/status"


class Supervisor:
    """Answers on a unix socket, as process-compose does, with a body that a test decides."""

    def __init__(self, path: Path) -> None:
        supervisor = self
        self.body = b""
        self.asked: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                supervisor.asked.append((self.command, self.path))
                self.send_response(200)
                self.send_header("Content-Length", str(len(supervisor.body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(supervisor.body)

            def address_string(self) -> str:
                return "socket"

            def log_message(self, *_: Any) -> None:
                pass

        self.server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, document: Any) -> None:
        self.body = document if isinstance(document, bytes) else json.dumps(document).encode()


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, Supervisor]]:
    folder = tmp_path_factory.mktemp("native")
    socket = folder / "supervisor.sock"
    supervisor = Supervisor(socket)
    with consoles.console(folder, supervisor_socket=str(socket)) as started:
        yield started, supervisor
    supervisor.server.shutdown()
    supervisor.server.server_close()


def test_processes_are_shown(native: tuple[Console, Supervisor]) -> None:
    console, supervisor = native
    once = FOUND | {"name": "migrate", "status": "Completed", "has_ready_probe": False, "exit_code": 3}
    starting = FOUND | {"name": "orders", "is_ready": "Not Ready"}
    supervisor.answer({"data": [FOUND, once, starting]})
    shown = console.get(STATUS).json()["processes"]
    assert shown[0] == {
        "name": "gateway",
        "state": "Running",
        "ready": True,
        "restarts": 1,
        "age_seconds": 2.5,
        "exit_code": 0,
    }
    assert [process["ready"] for process in shown] == [True, None, False]
    assert shown[1]["exit_code"] == 3
    assert set(supervisor.asked) == {("GET", "/processes")}


@pytest.mark.parametrize("answer", [b"", b"no json", b"[]", b"{}", b'{"data": [{}]}', b'{"data": 1}'])
def test_a_supervisor_that_makes_no_sense_is_a_502(native: tuple[Console, Supervisor], answer: bytes) -> None:
    console, supervisor = native
    supervisor.answer(answer)
    shown = console.get(STATUS)
    assert (shown.status_code, shown.json()["title"]) == (502, "the supervisor is not available")


def test_a_supervisor_that_is_gone_is_a_502(tmp_path: Path) -> None:
    with consoles.console(tmp_path, supervisor_socket=str(tmp_path / "gone.sock")) as console:
        assert console.get(STATUS).status_code == 502


def test_where_there_is_no_supervisor_nothing_is_shown(console: Console) -> None:
    assert console.get(STATUS).status_code == 404


def test_the_instance_is_named(console: Console) -> None:
    assert console.get("/api/instance").json()["instance"] == "tests"


def test_the_catalog_is_the_one_that_was_written_last(console: Console) -> None:
    file = console.folder / "catalog.json"
    file.write_text('{"services": []}')
    assert console.get("/api/platform/catalog").json() == {"services": []}
    file.unlink()
    assert console.get("/api/platform/catalog").status_code == 503
    file.write_text("{}")
