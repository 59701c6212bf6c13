"""Real nginxs that answer at once: webhooks of Rio's, services of the gateway's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx

from broker.tests.servers import Process, own, wait_until
from tests.bench.peers import composition
from tests.ports import free_port

_MAIN = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    default_type application/json;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {upstreams}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /count {{ stub_status; }}
        {locations}
    }}
}}
"""
_RECORDER = "upstream recorder {{ server 127.0.0.1:{port}; keepalive 64; }}"
_SINK = """
location / { return 204; }
location /timed/ { proxy_pass http://recorder; proxy_http_version 1.1; proxy_set_header Connection ""; }
"""


class Nginx(Process):
    """An nginx on a port of its own."""

    def __init__(self, folder: Path, name: str, locations: str, upstreams: str = "") -> None:
        home = own(folder / name, "root")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url)
        self._asked = 0
        file = home / "nginx.conf"
        file.write_text(_MAIN.format(folder=home, port=port, locations=locations, upstreams=upstreams))
        command = ["nginx", "-c", str(file), "-e", str(home / "error.log")]
        super().__init__(command, {}, folder / f"{name}.log")

    def start(self) -> None:
        super().start()
        wait_until(lambda: self.answered() >= 0, what="nginx")

    def answered(self) -> int:
        """How many requests it has had, from the start on."""
        text = self._client.get("/count").text
        self._asked += 1
        counted = re.search(r"^ (\d+) (\d+) (\d+)", text, re.MULTILINE)
        if counted is None:
            raise AssertionError(text)
        return int(counted[3]) - self._asked


class Sink(Nginx):
    """Plays services nginx for Rio and the webhook for its peers; passes what is timed on to a recorder."""

    credential = "credential-of-the-benchmark"

    def __init__(self, folder: Path) -> None:
        self.recorder_port = free_port()
        super().__init__(folder, "sink", _SINK, _RECORDER.format(port=self.recorder_port))


class Services(Nginx):
    """The three services that a gateway composes."""

    def __init__(self, folder: Path) -> None:
        answers = (
            f"location = {path} {{ return 200 '{json.dumps(answer, separators=(',', ':'))}'; }}"
            for path, answer in composition.ANSWERS.items()
        )
        super().__init__(folder, "services", "\n".join(answers))
