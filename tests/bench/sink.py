"""A fast sink: an nginx that answers 204, counts, and passes what is timed on to a recorder."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from broker.tests.servers import Process, free_port, own, wait_until

_CONFIGURATION = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream recorder {{ server 127.0.0.1:{recorder}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 204; }}
        location /timed/ {{
            proxy_pass http://recorder;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location = /count {{ stub_status; }}
    }}
}}
"""


class Sink(Process):
    """Plays services nginx for Rio and the webhook for its peers."""

    credential = "credential-of-the-benchmark"

    def __init__(self, folder: Path) -> None:
        home = own(folder / "sink", "root")
        self.recorder_port = free_port()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._asked = 0
        self._client = httpx.Client(base_url=self.url)
        file = home / "nginx.conf"
        file.write_text(_CONFIGURATION.format(folder=home, port=port, recorder=self.recorder_port))
        super().__init__(["nginx", "-c", str(file), "-e", str(home / "error.log")], {}, folder / "sink.log")

    def start(self) -> None:
        super().start()
        wait_until(lambda: self.delivered() >= 0, what="the sink")

    def delivered(self) -> int:
        """How many webhook calls came, from the start on."""
        text = self._client.get("/count").text
        self._asked += 1
        counted = re.search(r"^ (\d+) (\d+) (\d+)", text, re.MULTILINE)
        if counted is None:
            raise AssertionError(text)
        return int(counted[3]) - self._asked
