"""A console's process before stores whose answers a test decides."""

import hashlib
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from observability.tests.sinks import FluentSink, OtlpSink, eventually
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
STORES = ("prometheus", "loki", "jaeger", "alertmanager", "rio", "gateway")
VIEWER, OPERATOR = "viewers-token", "operators-token"


@dataclass(frozen=True)
class Asked:
    """A request that came to the stores."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Stores:
    """An HTTP server in the place of all stores, `/<store>` being the base of each.

    It answers what `answers` has for a method and path, a status and a body; 404 otherwise. Where `streams`
    has a path, its answer is what `write` says from then on, and ends with `forget`.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.streams: dict[str, queue.Queue[bytes]] = {}
        stores = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                stores.asked.append(Asked(self.command, self.path, headers, body))
                if (pieces := stores.streams.get(self.path)) is not None:
                    self.stream(pieces)
                    return
                known = stores.answers.get((self.command, self.path.partition("?")[0]))
                status, content = known or (404, b'{"title": "Not found", "status": 404}')
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | stores.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def stream(self, pieces: queue.Queue[bytes]) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while True:
                    piece = pieces.get()
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    if not piece:
                        return

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def answer(self, method: str, path: str, document: Any, status: int = 200) -> None:
        """Answer so from now on; `document` is JSON, or bytes as they are."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[method, path] = (status, content)

    def stream(self, path: str) -> Callable[[bytes], None]:
        """Answer with a stream from now on; gives what writes to it."""
        pieces = self.streams[path] = queue.Queue()
        return pieces.put

    def forget(self) -> None:
        """Begin anew, for another test."""
        for pieces in self.streams.values():
            pieces.put(b"")
        self.streams.clear()
        self.answers.clear()
        self.headers.clear()
        self.asked.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Console:
    """A console's process and what stands around it."""

    url: str
    folder: Path
    stores: Stores
    otlp: OtlpSink
    fluent: FluentSink
    process: subprocess.Popen[str]
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    @property
    def operate_folder(self) -> Path:
        return self.folder / "operate"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(self.url + path, headers=_named(headers))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request as the console's own page would; a header given as "" is left out."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        sent = {name: value for name, value in (own | _named(headers)).items() if value}
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.client.request(method, self.url + path, headers=sent, content=content)

    def grant(self, *, token_seconds: float = 60, session_seconds: int = 600, mode: int = 0o600) -> str:
        """Ask for operate mode as the command line does; the token."""
        token = secrets.token_urlsafe(32)
        file = self.operate_folder / f"{hashlib.sha256(token.encode()).hexdigest()}.json"
        terms = {
            "user": "ada",
            "expires_at": time.time() + token_seconds,
            "session_seconds": session_seconds,
        }
        file.write_text(json.dumps(terms))
        file.chmod(mode)
        return token

    def operate(self, **terms: Any) -> httpx.Response:
        """Open a session, whose cookie the client then keeps."""
        return self.ask("POST", "/api/operate/session", {"token": self.grant(**terms)})


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def console(folder: Path, without: Collection[str] = (), **settings: Any) -> Iterator[Console]:
    """Run one; `settings` stand beside, or in the place of, the usual ones.

    without: stores that it cannot read.
    """
    stores, otlp, fluent, port = Stores(), OtlpSink(), FluentSink(), free_port()
    for name in ("bundle", "dashboards", "operate"):
        (folder / name).mkdir(mode=0o700)
    (folder / "bundle/index.html").write_text("<!doctype html>")
    for name, content in (("viewer", VIEWER), ("operator", OPERATOR), ("catalog.json", "{}")):
        (folder / name).write_text(content)
    url = f"http://127.0.0.1:{port}"
    document: dict[str, Any] = {
        "instance": "tests",
        "host": "127.0.0.1",
        "port": port,
        "hosts": [f"127.0.0.1:{port}", f"localhost:{port}"],
        "bundle": str(folder / "bundle"),
        "dashboards": str(folder / "dashboards"),
        "catalog_file": str(folder / "catalog.json"),
        "stores": {
            name: None if name in without else f"http://127.0.0.1:{stores.port}/{name}" for name in STORES
        },
        "rio_token_file": str(folder / "viewer"),
        "operator_token_file": str(folder / "operator"),
        "operate_folder": str(folder / "operate"),
    }
    (folder / "console.json").write_text(json.dumps(document | settings))
    variables = os.environ | {
        "CONSOLE_CONFIG": str(folder / "console.json"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.endpoint,
        "FLUENT_ADDRESS": f"127.0.0.1:{fluent.port}",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "observability.console"]
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(command, env=variables, cwd=ROOT, stderr=stderr, text=True)
    started = Console(url, folder, stores, otlp, fluent, process)
    try:
        eventually(lambda: _answers(started), timeout=120)
        yield started
    finally:
        process.terminate()
        process.wait(30)
        started.client.close()
        for sink in (stores, otlp, fluent):
            sink.stop()


def _answers(started: Console) -> bool:
    assert started.process.poll() is None, (started.folder / "stderr").read_text()
    try:
        return started.get("/health/live").is_success
    except httpx.TransportError:
        return False
