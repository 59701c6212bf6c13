"""A real nginx with rendered templates, real servers behind it, and clients that write any bytes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from compose.cli.sampling import Sampling
from tests.ports import free_port

TEMPLATES = Path(__file__).parent.parent
NGINX = os.environ.get("NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
ROOT = os.geteuid() == 0
GATEWAY_CREDENTIAL = "5e" * 32
RIO_CREDENTIAL = "a7" * 32
Edit = Callable[[str], str]  # changes a rendered configuration before it is used
LIMITS = {"requests_per_second": 100_000, "burst": 100_000, "body_bytes": 65_536}
EVENT_BYTES = 98_304
CALLERS = {"trace": "link", "trusted": ["127.0.0.1/32"], "baggage": []}


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Polls `condition` until it gives something true, and returns that; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)
    return found


@dataclass(frozen=True)
class Seen:
    """A request as a server behind nginx received it."""

    server: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Upstream:
    """An HTTP server that remembers requests.

    The query sets its answer: status, sleep (s), drop, bytes, policy, denied, malformed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[Seen] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                # http.server looks for do_<METHOD>; every method is served alike.
                with contextlib.suppress(ConnectionError):
                    self.raw_requestline = self.rfile.readline(65537)
                    if not self.raw_requestline or not self.parse_request():
                        self.close_connection = True
                        return
                    self.answer()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {key.lower(): value for key, value in self.headers.items()}
                upstream.seen.append(Seen(upstream.name, self.command, self.path, headers, body))
                wish = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
                if "drop" in wish:
                    self.close_connection = True
                    return
                time.sleep(float(wish.get("sleep", 0)))
                content = b"x" * int(wish.get("bytes", 0)) or json.dumps({"server": upstream.name}).encode()
                self.send_response(int(wish.get("status", 200)))
                for key, value in [
                    *([("Content-Security-Policy", wish["policy"])] if "policy" in wish else []),
                    *([("Proxy-Status", wish["denied"])] if "denied" in wish else []),
                    ("Content-Type", "application/json"),
                    ("Content-Length", str(len(content))),
                    ("X-Trace-Id", "of the upstream"),
                    ("X-Frame-Options", "of the upstream"),
                    ("X-Powered-By", "of the upstream"),
                    *([("X\0", "")] if "malformed" in wish else []),
                ]:
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class NginxAnswer:
    """An HTTP answer; header names in lower case, in order, repeats kept."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of the header `name`."""
        return [value for key, value in self.headers if key == name.lower()]

    def header(self, name: str) -> str:
        """The value of a header that must be there exactly once."""
        (value,) = self.all(name)
        return value

    def problem(self) -> dict[str, Any]:
        """The problem document, its members checked against RFC 9457, the answer and its trace id."""
        assert self.header("content-type") == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert set(document) == {"type", "title", "status", "detail", "trace_id"}
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        assert document["trace_id"] == self.header("x-trace-id")
        return document


@dataclass
class Nginx:
    """One nginx of `template` ("edge", "services") with `context` over the defaults, in its own folder."""

    template: str
    context: dict[str, Any]
    edit: Edit = lambda text: text
    user: str | None = "www-data" if ROOT else None
    prefix: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    status_port: int = field(default_factory=free_port)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="nextphase-nginx-")))

    def render(self) -> Path:
        """Writes the configuration and makes the folders; returns the configuration's path."""
        self.folder.chmod(0o755)  # the workers are another user
        for name in ("logs", "temp"):
            (self.folder / name).mkdir(exist_ok=True)
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        defaults = {
            "listen": f"127.0.0.1:{self.port}",
            "status_listen": f"127.0.0.1:{self.status_port}",
            "user": self.user,
            "worker_processes": 1,
            "pid": self.folder / "nginx.pid",
            "log_dir": self.folder / "logs",
            "temp_dir": self.folder / "temp",
            "error_log": self.folder / "logs" / "error.log",
            "instance": "test",
            "version": "1.2.3",
            "resolver": None,
        }
        text = environment.get_template(f"{self.template}.conf.j2").render(defaults | self.context)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self.edit(text))
        return configuration

    def command(self, *arguments: str) -> list[str]:
        """The command line of this nginx, as the platform starts it."""
        error_log, configuration = self.folder / "logs" / "error.log", self.folder / "nginx.conf"
        return [
            *self.prefix,
            NGINX,
            "-e",
            str(error_log),
            "-p",
            str(self.folder),
            "-c",
            str(configuration),
            *arguments,
        ]

    def __enter__(self) -> Nginx:
        self.render()
        self.process = subprocess.Popen(self.command("-g", "daemon off;"), stderr=subprocess.PIPE)
        until(self._is_up, "nginx accepts connections")
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        shutil.rmtree(self.folder)

    @property
    def workers(self) -> list[int]:
        """Process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in until(lambda: children.read_text().split(), "workers")]

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.process.stderr and self.process.stderr.read().decode()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.status_port), 1).close()
            return True
        return False

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        source: str = "127.0.0.1",
        port: int | None = None,
    ) -> NginxAnswer:
        """One well-formed request from the address `source`."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.port, timeout=10, source_address=(source, 0)
        )
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            received = [(key.lower(), value) for key, value in response.getheaders()]
            return NginxAnswer(response.status, received, response.read())

    def write(self, data: bytes, source: str = "127.0.0.1") -> bytes:
        """Writes `data` on a new connection, closes that side, and returns all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), 10, (source, 0)) as connection:
            received = bytearray()
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    received += piece
            return bytes(received)

    def speak(self, data: bytes, source: str = "127.0.0.1") -> NginxAnswer:
        """The first answer to `data`."""
        with socket.create_connection(("127.0.0.1", self.port), 10, (source, 0)) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            received = [(key.lower(), value) for key, value in response.getheaders()]
            return NginxAnswer(response.status, received, response.read())

    def lines(self, kind: str) -> list[bytes]:
        """The lines of a log: "spans", "unsampled" or "access"."""
        return (self.folder / "logs" / f"{self.template}-{kind}.json").read_bytes().splitlines(keepends=True)

    def access(self, trace_id: str) -> dict[str, Any]:
        """The access log's line of a request, once it is written."""
        return until(lambda: self._find("access", trace_id), f"access line of {trace_id}")  # type: ignore[no-any-return]

    def span(self, trace_id: str) -> dict[str, Any]:
        """The span of a request, once it is written, its attributes flat."""
        line = until(lambda: self._find("spans", trace_id), f"span of {trace_id}")
        return flatten(line)

    def _find(self, kind: str, trace_id: str) -> dict[str, Any] | None:
        for line in self.lines(kind):
            if trace_id.encode() in line and line.endswith(b"\n"):
                return parse(line)
        return None


def parse(line: bytes) -> dict[str, Any]:
    """One line as strict JSON (RFC 8259): UTF-8, no repeated names, no NaN, one object."""
    assert line.endswith(b"\n")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    document = json.loads(line.decode("utf-8", "strict"), object_pairs_hook=unique, parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def flatten(line: dict[str, Any]) -> dict[str, Any]:
    """The one span of a line, with `attributes`, `resource` and `scope` as plain mappings."""
    (resource_spans,) = line["resourceSpans"]
    (scope_spans,) = resource_spans["scopeSpans"]
    (span,) = scope_spans["spans"]
    return {
        **span,
        "attributes": plain(span["attributes"]),
        "resource": plain(resource_spans["resource"]["attributes"]),
        "scope": scope_spans["scope"],
    }


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """OTLP's list of attributes as a mapping; integers, which OTLP/JSON writes as text, as numbers."""
    found: dict[str, Any] = {}
    for attribute in attributes:
        assert attribute["key"] not in found
        ((kind, value),) = attribute["value"].items()
        assert kind in ("stringValue", "intValue", "boolValue")
        found[attribute["key"]] = int(value) if kind == "intValue" else value
    return found


@contextlib.contextmanager
def edge(upstreams: list[str], banned: str = "", **overrides: Any) -> Iterator[Nginx]:
    """A running edge before the addresses `upstreams`; other arguments are those of Nginx or the template."""
    own = {key: overrides.pop(key) for key in ("edit", "user", "prefix") if key in overrides}
    nginx = Nginx(
        "edge",
        {
            "gateways": upstreams,
            "gateway_health": upstreams,
            "limits": LIMITS,
            "callers": CALLERS,
            "sampling": Sampling(),
        }
        | overrides,
        **own,
    )
    banned_file = nginx.folder / "banned.conf"
    banned_file.write_text((TEMPLATES / "banned.conf").read_text() + banned)
    nginx.context["banned_file"] = banned_file
    with nginx:
        yield nginx


@contextlib.contextmanager
def services(catalog: dict[str, list[str]], **overrides: Any) -> Iterator[Nginx]:
    """A running services nginx; `catalog` gives the addresses of each service."""
    own = {key: overrides.pop(key) for key in ("edit", "user", "prefix") if key in overrides}
    entries = [{"name": name, "timeout_seconds": 0.5, "instances": them} for name, them in catalog.items()]
    nginx = Nginx("services", {"services": entries, "body_bytes": EVENT_BYTES} | overrides, **own)
    callers_file = nginx.folder / "callers.conf"
    callers_file.write_text(f'"{GATEWAY_CREDENTIAL}" gateway;\n"{RIO_CREDENTIAL}" rio;\n')
    callers_file.chmod(0o600)
    nginx.context["callers_file"] = callers_file
    with nginx:
        yield nginx
