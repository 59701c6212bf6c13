"""An instance whose stores answer what real ones answered once: the files in `recorded/`."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from compose.cli import names, platform
from compose.cli.layout import PORTS, Layout

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent / "recorded"
STORES = ("jaeger", "loki", "prometheus", "alertmanager")


@dataclass(frozen=True)
class Asked:
    """A request that came to a store; of a parameter that is given several times, the last."""

    store: str
    method: str
    path: str
    parameters: dict[str, str]
    body: bytes


@dataclass
class Recorded:
    """layout: the instance. answers: status and body by store, method and path; 404 for all others. hangs:
    whether nothing is answered before the end."""

    layout: Layout
    answers: dict[tuple[str, str, str], tuple[int, bytes]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict)
    hangs: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def answer(self, store: str, path: str, body: bytes, *, method: str = "GET", status: int = 200) -> None:
        self.answers[store, method, path] = (status, body)

    def replay(self, store: str, path: str, file: str) -> None:
        """Answer with the bytes of a file in `recorded/`."""
        self.answer(store, path, (FOLDER / file).read_bytes())

    def stop(self, store: str) -> None:
        """Answer no more: connections are refused."""
        server = self.servers.pop(store)
        server.shutdown()
        server.server_close()


@contextmanager
def recorded(folder: Path) -> Iterator[Recorded]:
    """folder: becomes a checkout with the names that commands take."""
    for file in (platform.SCHEMA, platform.FILE, "docs/operate.md"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    shutil.copytree(ROOT / names.RULES, folder / names.RULES)
    for service in ("accounts", "orders", "inventory", "notifications"):
        (folder / "services" / service).mkdir(parents=True)
        (folder / "services" / service / "service.yaml").touch()
    stores = _start(folder)
    try:
        yield stores
    finally:
        stores.ended.set()
        for store in list(stores.servers):
            stores.stop(store)


def _start(folder: Path) -> Recorded:
    """On ports that an instance could have: at an offset at which all of them are free."""
    for offset in random.sample(range(20_000, 40_000), 50):
        stores = Recorded(Layout(folder, "default", offset))
        try:
            for store in STORES:
                stores.servers[store] = _serve(stores, store, PORTS[store] + offset)
        except OSError:
            for store in list(stores.servers):
                stores.stop(store)
            continue
        return stores
    raise RuntimeError("no offset has free ports for all stores")


def _serve(stores: Recorded, store: str, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            where = urlsplit(self.path)
            parameters = {name: values[-1] for name, values in parse_qs(where.query).items()}
            stores.asked.append(Asked(store, self.command, where.path, parameters, body))
            if stores.hangs:
                stores.ended.wait()
                return
            status, content = stores.answers.get((store, self.command, where.path), (404, b'"not found"'))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: tests look at `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
