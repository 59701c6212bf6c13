"""Small services of every framework, each in a process of its own, that send to sinks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from observability.tests.sinks import FluentSink, OtlpSink, eventually
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
GUNICORN = [PYTHON, "-m", "gunicorn", "--workers=1", "--threads=4", "--worker-class=gthread"]
APPS = "observability.frameworks.tests.apps"
COMMANDS = {
    "flask": [
        *GUNICORN,
        "--bind=127.0.0.1:{port}",
        "observability.frameworks.tests.apps.flask_app:create_app()",
    ],
    "django": [
        *GUNICORN,
        "--bind=127.0.0.1:{port}",
        "observability.frameworks.tests.apps.django_app:application",
    ],
    "fastapi": [
        # httptools, uvicorn's choice where it is installed, refuses unknown methods before a hop sees them.
        *[PYTHON, "-m", "uvicorn", "--http=h11", "--no-proxy-headers", "--host=127.0.0.1"],
        *["--port={port}", "--factory"],
        f"{APPS}.fastapi_app:create_app",
    ],
    "tornado": [PYTHON, "-m", f"{APPS}.tornado_app", "{port}"],
}


@dataclass(frozen=True)
class Trace:
    """A trace that a test starts."""

    id: str
    span_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.id}-{self.span_id}-01"}


@dataclass
class Server:
    """A small service of one framework, in a process of its own."""

    framework: str
    url: str
    otlp: OtlpSink
    fluent: FluentSink
    process: subprocess.Popen[str]

    def request(self, method: str, path: str, trace: Trace, **options: object) -> requests.Response:
        headers = trace.headers | dict(options.pop("headers", {}))  # type: ignore[call-overload]
        return requests.request(
            method,
            self.url + path,
            headers=headers,
            timeout=10,
            allow_redirects=False,
            **options,  # type: ignore[arg-type]
        )

    def metrics(self) -> str:
        return requests.get(self.url + "/metrics", timeout=10).text

    def answers(self) -> bool:
        assert self.process.poll() is None, "the server ended"
        try:
            return requests.get(self.url + "/health/live", timeout=1).ok
        except requests.RequestException:
            return False


def environment(otlp: OtlpSink, fluent: FluentSink) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.endpoint,
        "FLUENT_ADDRESS": f"127.0.0.1:{fluent.port}",
        "COLLECTOR_HEALTH_URL": "http://127.0.0.1:1/",
        "SERVICE_INSTANCE_ID": "probe-1",
        "NEXTPHASE_INSTANCE": "trial",
    }


def serve(framework: str, otlp: OtlpSink, fluent: FluentSink, lines: Path) -> Iterator[Server]:
    port = free_port()
    command = [part.format(port=port) for part in COMMANDS[framework]]
    variables = os.environ | environment(otlp, fluent) | {"PYTHONPATH": str(ROOT)}
    with lines.open("w") as stderr:
        process = subprocess.Popen(command, env=variables, cwd=ROOT, stderr=stderr, text=True)
    server = Server(framework, f"http://127.0.0.1:{port}", otlp, fluent, process)
    try:
        eventually(server.answers, timeout=120)
        yield server
    finally:
        process.terminate()
        process.wait(60)
