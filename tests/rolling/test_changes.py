"""Changes of a running instance, each under traffic: no request fails and every order settles."""

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from compose.cli.layout import Layout
from compose.cli.supervisor import Supervisor
from tests.conftest import copy_checkout, eventually
from tests.rolling.load import load

# Each starts many processes, maybe on a busy machine.
pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.timeout(1800), pytest.mark.long]

INSTANCE = "rolling"
LETTERS = {
    "service.yaml": """\
        name: letters
        description: Counts what it is told
        framework: http.server
        port: 8390
        command: [python, services/letters/serve.py]
        database: false
        timeout_seconds: 5
        emits: []
        subscriptions:
          - {type: order.placed, path: /letters/events}
        """,
    "serve.py": """\
        import os
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        told = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._answer(200, str(told).encode())

            def do_POST(self):
                global told
                self.rfile.read(int(self.headers["Content-Length"]))
                told += 1
                self._answer(204, b"")

            def do_OPTIONS(self):
                self.send_response(200)
                self.send_header("WebHook-Allowed-Origin", "*")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _answer(self, status, body):
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
        """,
}
BROKEN_MIGRATION = """\
revision = "9999"
down_revision = "{before}"


def upgrade() -> None:
    raise RuntimeError("this migration is broken")
"""


@dataclass(frozen=True)
class Copy:
    """A checkout of its own, to be edited, and its running instance."""

    root: Path

    @property
    def layout(self) -> Layout:
        return Layout.open(self.root, INSTANCE)

    def nextphase(self, *arguments: str, timeout_seconds: float = 900) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.root / "nextphase"), *arguments, "--instance", INSTANCE]
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )

    def up(self) -> str:
        """Bring the instance to what the checkout says; returns what was done."""
        done = self.nextphase("up")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def append(self, file: str, text: str) -> None:
        path = self.root / file
        path.write_text(path.read_text() + text)

    def add(self, folder: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.root / folder).mkdir(exist_ok=True)
            (self.root / folder / name).write_text(textwrap.dedent(text))

    def pids(self) -> dict[str, int]:
        return {process.name: process.pid for process in Supervisor(self.layout).list()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    root = tmp_path_factory.mktemp("checkout") / "nextphase"
    copy_checkout(root)
    made = Copy(root)
    try:
        if made.nextphase("up").returncode:
            # Its ports may have been taken meanwhile, by an instance of another checkout: other ones, then.
            made.nextphase("down", "--purge")
            made.up()
        yield made
    finally:
        if (root / ".nextphase").exists():
            down = made.nextphase("down", "--purge")
            home = (root / ".nextphase").resolve()
            shutil.rmtree(home, ignore_errors=True)
            assert down.returncode == 0, down.stdout + down.stderr


def test_scaling_and_back(copy: Copy) -> None:
    stores = ("postgres", "rabbitmq", "epmd")
    before = copy.pids()
    for service in ("accounts", "inventory"):
        copy.edit(f"services/{service}/service.yaml", "instances: 1", "instances: 3")
    with load(copy.layout):
        copy.up()
    grown = copy.pids()
    assert {"accounts-2", "accounts-3", "inventory-2", "inventory-3"} <= grown.keys()
    for service in ("accounts", "inventory"):
        copy.edit(f"services/{service}/service.yaml", "instances: 3", "instances: 1")
    with load(copy.layout):
        copy.up()
    after = copy.pids()
    assert after.keys() == before.keys()
    unchanged = (*stores, "accounts", "inventory", "orders", "gateway", "rio-api", "relay", "edge-nginx")
    assert [after[name] for name in unchanged] == [before[name] for name in unchanged]


def test_new_code_and_new_environment(copy: Copy) -> None:
    before = copy.pids()
    for service in ("accounts", "notifications", "orders"):
        copy.append(f"services/{service}/__init__.py", "\n# changed\n")
    copy.edit("services/inventory/service.yaml", "environment:\n", "environment:\n  CHANGED: '1'\n")
    with load(copy.layout):
        done = copy.up()
    after = copy.pids()
    for service in ("accounts", "notifications", "orders", "inventory"):
        assert f"{service} replaced" in done
        assert after[service] != before[service]
    assert after.keys() == before.keys(), "the spares are gone"
    for name in ("postgres", "rabbitmq", "gateway", "rio-api"):
        assert after[name] == before[name]


def test_new_code_of_the_platform_itself(copy: Copy) -> None:
    before = copy.pids()
    for unit in ("gateway", "broker"):
        copy.append(f"{unit}/__init__.py", "\n# changed\n")
    with load(copy.layout):
        copy.up()
    after = copy.pids()
    for name in ("gateway", "rio-api", "rio-dispatcher", "relay"):
        assert after[name] != before[name]
    assert after.keys() == before.keys()


def test_a_service_comes_and_goes(copy: Copy) -> None:
    before = copy.pids()
    copy.add("services/letters", LETTERS)
    with load(copy.layout) as sent:
        copy.up()
        known = len(sent.orders)
    address = f"http://127.0.0.1:{copy.layout.shifted(8390)}"
    eventually(lambda: _at_least(int(httpx.get(address).text), len(sent.orders) - known))
    shutil.rmtree(copy.root / "services/letters")
    with load(copy.layout):
        copy.up()
    after = copy.pids()
    assert after.keys() == before.keys()
    for name in ("postgres", "rabbitmq", "accounts", "inventory", "gateway"):
        assert after[name] == before[name]


def _at_least(found: int, wanted: int) -> None:
    assert found >= wanted


def test_numbers_of_the_platform(copy: Copy) -> None:
    before = copy.pids()
    settings = "compose/platform.yaml"
    copy.edit(settings, "requests_per_second: 500", "requests_per_second: 400")
    copy.edit(settings, "processes: auto", "processes: 3")
    copy.edit(settings, "dispatchers: 1", "dispatchers: 2")
    copy.edit(settings, "event_log: {hours: 168", "event_log: {hours: 100")
    copy.edit(settings, "traces_hours: 72", "traces_hours: 48")
    copy.edit(settings, "logs_hours: 168", "logs_hours: 96")
    copy.edit(settings, "metrics_hours: 168", "metrics_hours: 100")
    with load(copy.layout):
        copy.up()
    after = copy.pids()
    assert "rio-dispatcher-2" in after
    for name in ("postgres", "rabbitmq", "accounts", "edge-nginx", "services-nginx"):
        assert after[name] == before[name]


def test_a_migration_that_fails_leaves_everything_as_it_was(copy: Copy) -> None:
    before = copy.pids()
    versions = copy.root / "services/accounts/migrations/versions"
    newest = max(path.name.partition("_")[0] for path in versions.glob("[0-9]*.py"))
    broken = versions / "9999_broken.py"
    broken.write_text(BROKEN_MIGRATION.format(before=newest))
    with load(copy.layout):
        done = copy.nextphase("up")
    assert done.returncode == 1
    assert "accounts-migrate" in done.stderr
    assert "this migration is broken" in done.stderr
    assert "everything else goes on as it was" in done.stderr
    assert copy.pids() == before
    broken.unlink()
    copy.up()
    assert copy.nextphase("status").returncode == 0


def test_a_version_that_never_becomes_ready_leaves_the_old_one(copy: Copy) -> None:
    before = copy.pids()
    text = (copy.root / "services/accounts/app.py").read_text()
    copy.append("services/accounts/app.py", "\nraise RuntimeError('this version is broken')\n")
    with load(copy.layout):
        done = copy.nextphase("up")
    assert done.returncode == 1
    assert "accounts goes on as it was" in done.stderr
    assert "this version is broken" in done.stderr
    assert copy.pids() == before
    (copy.root / "services/accounts/app.py").write_text(text)
    assert "accounts-spare" not in copy.up()


@pytest.mark.parametrize("name", ["accounts", "inventory", "orders", "gateway", "rio-api", "rio-dispatcher"])
def test_restart(copy: Copy, name: str) -> None:
    before = copy.pids()
    with load(copy.layout):
        done = copy.nextphase("restart", name)
        assert done.returncode == 0, done.stdout + done.stderr
    after = copy.pids()
    assert after[name] != before[name]
    assert {other for other in after if after[other] != before.get(other)} - {
        name,
        "rio-dispatcher-2",
    } == set()


REFUSED = {
    "gateway/routes.yaml": ("service: accounts", "service: nowhere", "there is no service nowhere"),
    "observability/prometheus/rules/hops.yml": ("expr:", "expr: ((( #", "hops.yml"),
    "observability/collector/collector.yaml": ("receivers:", "receivers_:", "collector.yaml"),
    "observability/alertmanager/alertmanager.yml": ("route:", "routing:", "alertmanager.yml"),
    "observability/loki/loki.yaml": ("auth_enabled:", "auth_enablement:", "loki.yaml"),
    "compose/nginx/banned.conf": ("", "999.1.1.1 1;\n", "configuration of edge-nginx"),
    "services/orders/schemas/order.placed.json": ('"type": "object"', '"type": "objekt"', "order.placed"),
}


@pytest.mark.parametrize("file", REFUSED)
def test_what_a_program_would_refuse_is_refused_before_anything_is_touched(copy: Copy, file: str) -> None:
    before, text = copy.pids(), (copy.root / file).read_text()
    old, new, said = REFUSED[file]
    copy.edit(file, old, new)
    try:
        done = copy.nextphase("up")
        checked = copy.nextphase("check")
    finally:
        (copy.root / file).write_text(text)
    assert done.returncode == 1
    assert checked.returncode == 1
    assert said in done.stderr
    assert said in checked.stderr
    assert copy.pids() == before
    assert "nothing had changed" in copy.up()


def test_a_service_that_routes_name_is_not_removed(copy: Copy) -> None:
    before = copy.pids()
    aside = copy.root.parent / "accounts"
    shutil.move(copy.root / "services/accounts", aside)
    try:
        done = copy.nextphase("up")
    finally:
        shutil.move(aside, copy.root / "services/accounts")
    assert done.returncode == 1
    assert copy.pids() == before


def test_an_edited_file_of_routes_is_applied(copy: Copy) -> None:
    before = copy.pids()
    route = """
  - id: hello
    method: GET
    path: /v1/hello
    auth: none
    summary: Says hello.
    mock: {status: 200, body: {said: hello}}
"""
    copy.edit("gateway/routes.yaml", "\nroutes:\n", f"\nroutes:{route}")
    assert "gateway reloaded" in copy.up()
    after = copy.pids()
    # The collector probes it, and reads its configuration at its start alone.
    assert {name for name in before if after[name] != before[name]} == {"collector"}
    edge = f"http://{copy.layout.address('edge-nginx')}/v1/hello"
    eventually(lambda: _is(httpx.get(edge, trust_env=False).status_code, 200))


def test_reload_refuses_a_schema_that_is_not_there(copy: Copy) -> None:
    file = copy.root / "gateway/routes.yaml"
    text = file.read_text()
    copy.edit("gateway/routes.yaml", "#/components/schemas/", "#/components/schemas/Nowhere")
    try:
        done = copy.nextphase("reload")
    finally:
        file.write_text(text)
    assert done.returncode == 1
    assert "Nowhere" in done.stderr


def _is(found: object, wanted: object) -> None:
    assert found == wanted
