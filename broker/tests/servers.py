"""Real servers for the tests: RabbitMQ, PostgreSQL, Rio and a sink, on free ports, in their own folder."""

import contextlib
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import psycopg
from amqp.exceptions import AMQPError
from kombu import Connection
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observability.tests.sinks import FluentSink
from tests.ports import free_port

SENDERS = {
    "tests": {"types": ["#"], "reads": ["#"], "admin": True},
    "relay": {"relays": True},
    "shop": {"types": ["#"], "reads": ["shop.*"]},
    "viewer": {"viewer": True},
}
"""The senders as the catalog declares them. A fifth has a token alone."""
ROOT = Path(__file__).resolve().parents[2]
POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
RABBITMQ_ADVANCED = "[{rabbit, [{dead_letter_worker_consumer_prefetch, 10000}]}].\n"
"""As an instance has it (compose/cli/rabbitmq.py)."""
RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def wait_until(condition: Callable[[], Any], seconds: float = 120.0, what: str = "condition") -> Any:
    """Ask until the condition holds (truthy, and raises nothing), or fail after `seconds`."""
    deadline = time.monotonic() + seconds
    last: BaseException | None = None
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (OSError, AMQPError, httpx.HTTPError, psycopg.Error, AssertionError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds} s") from last


def as_user(user: str) -> list[str]:
    """The command prefix that runs a program as a user other than root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]


def own(folder: Path, user: str) -> Path:
    """Make a folder that belongs to the server's user."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder, user, user)
    return folder


def _whole_lines(log: Path) -> int:
    """Bytes up to the end of the last line: one that was being written when its process was killed is not."""
    return log.read_bytes().rfind(b"\n") + 1


class Process:
    """A server process in a process group of its own."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, environment, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            log.truncate(_whole_lines(self._log))
            self._process = subprocess.Popen(
                self._command,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self._environment},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self, number: int = signal.SIGTERM, seconds: float = 20.0) -> None:
        """Signal the whole group and wait until it is gone."""
        process = self._process
        if process is None:
            return
        self._process = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)

    def kill(self) -> None:
        """As when the machine takes it away: no chance to say good-bye."""
        self.end(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Signal every process of the group."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def wait(self, seconds: float) -> None:
        """Wait for the end of a process that ends by itself; it must succeed."""
        assert self._process is not None
        assert self._process.wait(seconds) == 0, self.log

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def empty_log(self) -> None:
        """Forget what was logged. What the process goes on to write is appended."""
        if self._log.exists():
            os.truncate(self._log, 0)

    def records(self) -> list[dict[str, Any]]:
        """The log's structured lines, but for one that is only half written."""
        written = self.log.split("\n")[:-1]
        return [json.loads(line) for line in written if line.startswith("{")]


class Rabbit(Process):
    """A RabbitMQ node with an epmd of its own."""

    def __init__(self, folder: Path) -> None:
        home = own(folder / "rabbitmq", "rabbitmq")
        self.port, dist, self._epmd_port = free_port(), free_port(), free_port()
        (home / "rabbitmq.conf").write_text("disk_free_limit.absolute = 50MB\nloopback_users.guest = true\n")
        (home / "enabled_plugins").write_text("[].\n")
        (home / "advanced.config").write_text(RABBITMQ_ADVANCED)
        super().__init__(
            [*as_user("rabbitmq"), str(RABBITMQ_SERVER)],
            {
                "HOME": str(home),
                "ERL_EPMD_PORT": str(self._epmd_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": f"rio-test-{self.port}@localhost",
                "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODE_PORT": str(self.port),
                "RABBITMQ_DIST_PORT": str(dist),
                "RABBITMQ_BASE": str(home),
                "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
                "RABBITMQ_LOG_BASE": str(home / "log"),
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
                "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
            },
            folder / "rabbitmq.log",
        )
        self._epmd = Process(
            [*as_user("rabbitmq"), "epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            {"HOME": str(home)},
            folder / "epmd.log",
        )
        self.url = f"amqp://guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        self._epmd.start()
        wait_until(lambda: _listens(self._epmd_port), what="epmd")
        self.start_node()

    def start_node(self) -> None:
        """Start the node on the data it has."""
        super().start()
        wait_until(self._answers, 200.0, "RabbitMQ")

    def stop(self) -> None:
        self.end()
        self._epmd.end()

    def _answers(self) -> bool:
        with self.connect() as connection:
            connection.connect()
        return True

    def connect(self) -> Connection:
        """A client connection not opened yet."""
        return Connection(f"amqp://guest:guest@127.0.0.1:{self.port}//", connect_timeout=2)

    def control(self, *arguments: str) -> None:
        """Run rabbitmqctl on the node."""
        subprocess.run(
            [*as_user("rabbitmq"), str(RABBITMQ_SERVER.with_name("rabbitmqctl")), *arguments],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self._environment},
            check=True,
            capture_output=True,
            timeout=200,
        )

    def queue_length(self, queue: str) -> int:
        """Messages ready in a queue."""
        with self.connect() as connection, connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)


class Postgres(Process):
    """A PostgreSQL cluster that trusts everybody on loopback."""

    def __init__(self, folder: Path) -> None:
        home = own(folder / "postgres", "postgres")
        self._data = home / "data"
        self.port = free_port()
        super().__init__(
            [
                *as_user("postgres"),
                str(POSTGRES_BIN / "postgres"),
                *("-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(home)),
            ],
            {},
            folder / "postgres.log",
        )

    def initialise(self) -> None:
        command = [str(POSTGRES_BIN / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust", "-N"]
        subprocess.run(
            [*as_user("postgres"), *command],
            check=True,
            capture_output=True,
            cwd=self._data.parent,
            timeout=300,
        )

    def start(self) -> None:
        """Start it, and again while it ends by itself: a backend of a killed server that is busy holds the
        shared memory for a while, and until then PostgreSQL refuses to start.
        """
        wait_until(self._accepts, what="PostgreSQL")

    def _accepts(self) -> bool:
        if not self.running:
            super().start()
        psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        return True

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(
        self, database: str, statement: str, parameters: tuple[Any, ...] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one statement, or several without parameters, and fetch what it returns."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=2) as connection:
            cursor = connection.execute(statement, parameters or None)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


@dataclass
class Delivered:
    """A request the sink got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return unquote(self.headers["ce-id"])


@dataclass
class Sink:
    """Plays services nginx and every service: records deliveries and answers as it is told."""

    delivered: list[Delivered] = field(default_factory=list)
    answer: Callable[[Delivered], int] = lambda _delivered: 204
    credential: str = "credential-of-the-tests"

    def __post_init__(self) -> None:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Delivered(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                admitted = request.headers.get("x-platform-credential") == sink.credential
                status = sink.answer(request) if admitted else 403
                sink.delivered.append(request)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def to(self, path: str) -> list[Delivered]:
        """The events posted to one path."""
        return [delivered for delivered in list(self.delivered) if delivered.path == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class Span:
    """A span as a process exported it."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    client: bool
    links: tuple[str, ...]
    attributes: dict[str, Any]


class Collector:
    """Takes spans over OTLP/HTTP and keeps them; takes logs as well, and lets go of them."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._logs = FluentSink(keeps=False)
        self.fluent_address = f"127.0.0.1:{self._logs.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = _attributes(resource.resource)["service.name"]
            self.spans += [_span(service, span) for scope in resource.scope_spans for span in scope.spans]

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace."""
        return [span for span in list(self.spans) if span.trace_id == trace_id]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._logs.stop()


def _span(service: str, span: Any) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind == span.SPAN_KIND_CLIENT,
        tuple(link.trace_id.hex() for link in span.links),
        _attributes(span),
    )


def _attributes(holder: Any) -> dict[str, Any]:
    return {
        attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value"))
        for attribute in holder.attributes
    }


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@dataclass
class Rio:
    """Rio's two processes and a client of theirs."""

    folder: Path
    rabbit: Rabbit
    postgres: Postgres
    sink: Sink
    collector: Collector
    before: tuple[str, ...] = ()
    """A prefix of the commands of its processes."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.api_port, self.dispatcher_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.api_port}"
        config = self._configure()
        self.api = self._process("broker.rio", "rio-api", {"RIO_CONFIG": config})
        self.dispatcher = self._process("broker.rio.delivery", "rio-dispatcher", {"RIO_CONFIG": config})
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": "Bearer t-tests"}, timeout=30)

    def _configure(self) -> str:
        files = {
            "amqp.password": "guest\n",
            "credential": self.sink.credential,
            "webhook.key": "key-of-the-tests",
            "senders.json": json.dumps(
                {name: f"t-{name}" for name in ("tests", "relay", "shop", "viewer", "stranger")}
            ),
            "catalog.json": json.dumps({"senders": SENDERS}),
            "relay.token": "t-relay\n",
            "operator.token": "t-operator\n",
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
        settings = {
            "api": {"host": "127.0.0.1", "port": self.api_port},
            "dispatcher": {"host": "127.0.0.1", "port": self.dispatcher_port},
            "amqp_url": self.rabbit.url,
            "amqp_password_file": str(self.folder / "amqp.password"),
            "database_url": self.postgres.url("rio"),
            "services_url": self.sink.url,
            "credential_file": str(self.folder / "credential"),
            "senders_file": str(self.folder / "senders.json"),
            "catalog_file": str(self.folder / "catalog.json"),
            "webhook_key_file": str(self.folder / "webhook.key"),
            "sinks": {"allowed": ["127.0.0.1"]},
            "max_body_bytes": 1048576,
            "waiting_megabytes": 2,
        }
        path = self.folder / "rio.json"
        path.write_text(json.dumps(settings))
        return str(path)

    def _process(self, module: str, instance: str, environment: dict[str, str]) -> Process:
        telemetry = {
            "SERVICE_INSTANCE_ID": instance,
            "NEXTPHASE_INSTANCE": "test",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url,
            "FLUENT_ADDRESS": self.collector.fluent_address,
            "COLLECTOR_HEALTH_URL": "http://127.0.0.1:9/",
        }
        nowhere = "http://127.0.0.1:9"
        proxies = {f"{scheme}_proxy": nowhere for scheme in ("http", "https", "all")}
        telemetry |= proxies | {name.upper(): nowhere for name in proxies}  # which nothing of ours may use
        return Process(
            [*self.before, sys.executable, "-m", module],
            {"PYTHONPATH": str(ROOT), **telemetry, **environment},
            self.folder / f"{instance}.log",
        )

    @contextlib.contextmanager
    def catalog(self, **content: Any) -> Iterator[None]:
        """Have the API declare this catalog beside the tests' senders, and the one before afterwards."""
        path = self.folder / "catalog.json"
        before = path.read_text()
        declared = {**content, "senders": {**SENDERS, **content.get("senders", {})}}
        try:
            self._declare(json.dumps(declared))
            yield
        finally:
            self._declare(before)

    def _declare(self, text: str) -> None:
        path = self.folder / "catalog.json"
        path.with_suffix(".new").write_text(text)
        declared = self.declared()
        path.with_suffix(".new").rename(path)
        wait_until(lambda: self.declared() > declared, what="the catalog")

    def declared(self) -> int:
        """How often the API has declared its catalog."""
        return sum(record.get("message") == "catalog declared" for record in self.api.records())

    def another_dispatcher(self) -> tuple[Process, str]:
        """A second dispatcher beside the first, not started, and where its health and metrics are."""
        port = free_port()
        settings = json.loads((self.folder / "rio.json").read_text())
        path = self.folder / f"rio-{port}.json"
        path.write_text(json.dumps({**settings, "dispatcher": {"host": "127.0.0.1", "port": port}}))
        process = self._process("broker.rio.delivery", f"dispatcher-{port}", {"RIO_CONFIG": str(path)})
        return process, f"http://127.0.0.1:{port}"

    def relay(self, databases: dict[str, str], rio_url: str | None = None) -> tuple[Process, str]:
        """A relay for these databases (name to URL), not started, and where its health and metrics are.

        `rio_url`: where it takes the events to, if not to this Rio.
        """
        port = free_port()
        settings = {
            "host": "127.0.0.1",
            "port": port,
            "rio_url": rio_url or self.url,
            "rio_token_file": str(self.folder / "relay.token"),
            "operator_token_file": str(self.folder / "operator.token"),
            "databases": [{"name": name, "url": url} for name, url in databases.items()],
        }
        path = self.folder / f"relay-{port}.json"
        path.write_text(json.dumps(settings))
        process = self._process("broker.outbox_relay", f"relay-{port}", {"RELAY_CONFIG": str(path)})
        return process, f"http://127.0.0.1:{port}"

    def another_api(self, port: int | None = None, ready_port: int | None = None) -> tuple[Process, str]:
        """One more API process on the same store and broker, not started, and its URL.

        `port`: the API's, else one that is free; `ready_port`: where the process alone tells its health.
        """
        port = port or free_port()
        settings = json.loads((self.folder / "rio.json").read_text())
        settings["api"]["port"] = port
        if ready_port is not None:
            settings["api_ready"] = {"host": "127.0.0.1", "port": ready_port}
        name = f"{port}-{ready_port}" if ready_port else str(port)
        path = self.folder / f"rio-{name}.json"
        path.write_text(json.dumps(settings))
        return self._process("broker.rio", f"rio-api-{name}", {"RIO_CONFIG": str(path)}), (
            f"http://127.0.0.1:{port}"
        )

    def start(self) -> None:
        self.api.start()
        self.dispatcher.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        for port in (self.api_port, self.dispatcher_port):
            url = f"http://127.0.0.1:{port}/health/ready"
            wait_until(lambda url=url: httpx.get(url).status_code == 200, 100.0, url)

    def forget(self) -> None:
        """Forget what has been subscribed to, delivered, traced and logged so far."""
        for one in self.client.get("/subscriptions").json()["items"]:
            if one["origin"] != "catalog":
                self.client.delete(f"/subscriptions/{one['id']}").raise_for_status()
        self.sink.answer = lambda _delivered: 204
        self.sink.delivered.clear()
        self.collector.spans.clear()
        self.api.empty_log()
        self.dispatcher.empty_log()

    def stop(self) -> None:
        self.client.close()
        self.dispatcher.end()
        self.api.end()

    def subscribe(self, subscription_id: str, *types: str) -> str:
        """Subscribe a path of the sink that nothing else uses, and return it."""
        sink = f"/{subscription_id}/events"
        answer = self.client.put(f"/subscriptions/{subscription_id}", json={"types": types, "sink": sink})
        assert answer.status_code in (200, 201), answer.text
        return sink

    def emit(self, type_: str, event_id: str, **attributes: str) -> httpx.Response:
        """Emit one event in structured mode."""
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "/tests",
            "type": type_,
            "data": {"id": event_id},
            **attributes,
        }
        headers = {"Content-Type": "application/cloudevents+json"}
        return self.client.post("/events", content=json.dumps(event), headers=headers)

    def dead(self, subscription_id: str) -> set[str]:
        """Ids of the events in a subscription's dead letters."""
        query = "SELECT event_id FROM dead_letters WHERE subscription = %s"
        return {row[0] for row in self.postgres.execute("rio", query, (subscription_id,))}

    def metric(self, port: int, metric: str, **labels: str) -> float:
        """The value of a series, 0 when there is none."""
        name = metric + "{" + ",".join(f'{label}="{labels[label]}"' for label in sorted(labels)) + "}"
        for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return 0.0


@contextlib.contextmanager
def running(*servers: Any) -> Iterator[None]:
    """Start servers in order, and stop them in the opposite one."""
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.callback(getattr(server, "stop", None) or server.end)
            server.start()
        yield
