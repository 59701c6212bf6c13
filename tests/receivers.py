"""Programs that are notified of alerts: a webhook and an SMTP server, each on a port of its own."""

from __future__ import annotations

import json
import socketserver
import threading
from base64 import b64decode
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple


class Posted(NamedTuple):
    """A request: its path, its headers by name in lower case, its body."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class _Running:
    """Serves while its block runs."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server

    def __enter__(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Webhook:
    """Answers 202, as PagerDuty does, and keeps what it was sent."""

    posted: list[Posted] = field(default_factory=list)

    def __enter__(self) -> Webhook:
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                posted.append(Posted(self.path, headers, body))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._running = _Running(self._server)
        self._running.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._running.__exit__(*exception)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def at(self, path: str) -> list[Posted]:
        """What was sent to a path, the oldest first."""
        return [one for one in self.posted if one.path == path]

    def firing(self) -> list[tuple[str, str]]:
        """(alert, service) of each notification of something that fires, the watchdog's aside."""
        return [
            (body["groupLabels"]["alertname"], body["groupLabels"].get("service", ""))
            for _, _, body in self.posted
            if body["status"] == "firing" and body["groupLabels"]["alertname"] != "Watchdog"
        ]


@dataclass
class MailServer:
    """An SMTP server without TLS that takes every mail, and any user with the password that it is given."""

    password: str
    mails: list[Message] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    def __enter__(self) -> MailServer:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server.talk(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._running = _Running(self._server)
        self._running.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._running.__exit__(*exception)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def talk(self, connection: socketserver.StreamRequestHandler) -> None:
        """One session (RFC 5321), with AUTH LOGIN, whose words are in base64."""

        def say(line: str) -> None:
            connection.wfile.write(f"{line}\r\n".encode())

        say("220 test ESMTP")
        for line in iter(connection.rfile.readline, b""):
            verb = line.split()[0].upper().decode() if line.split() else ""
            if verb == "EHLO":
                say("250-test")
                say("250 AUTH LOGIN")
            elif verb == "AUTH":
                say("235 in" if self._knows(connection, say) else "535 refused")
            elif verb == "DATA":
                say("354 go on")
                body = b"".join(iter(connection.rfile.readline, b".\r\n"))
                self.mails.append(message_from_bytes(body, policy=default))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                if verb == "RCPT":
                    self.recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
                say("250 ok")

    def _knows(self, connection: socketserver.StreamRequestHandler, say: Any) -> bool:
        answers = []
        for asked in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):  # Username: and Password:
            say(f"334 {asked}")
            answers.append(b64decode(connection.rfile.readline().strip()).decode())
        return answers[1] == self.password
