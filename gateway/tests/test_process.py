"""The gateway as it is started: a process of its own, real services' answers, reloads under load."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from gateway.authentication.tests.issuer import AUDIENCE, ISSUER, SUBJECT, Key, key_set
from gateway.config.settings import ROUTES_FILE
from gateway.tests.api import said
from gateway.tests.services import Asked, Server, reply, until
from tests.ports import free_port

pytestmark = pytest.mark.example

ROOT = Path(__file__).parents[2]
#: Of everything; of the account, too, whose token asks.
ID = SUBJECT
ORDER = {"id": ID, "account_id": ID, "state": "placed", "reason": None, "lines": []}
ACCOUNT = {"id": ID, "name": "Ada", "email": "ada@example.com"}
SERVICES = ("accounts", "orders", "inventory", "notifications")
SCHEMATHESIS = """\
[[operations]]
include-method = "POST"
checks.positive_data_acceptance.enabled = false
"""


async def example(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answers as the example's services do."""
    path = asked.target.partition("?")[0]
    first, *rest = path.removeprefix("/").split("/")
    if asked.method == "POST":
        body = {"orders": {"id": ID, "state": "placed"}, "accounts": ACCOUNT}[first]
        status = 202 if first == "orders" else 201
        head = {"Content_Type": "application/json", "Location": f"/{first}/{ID}"}
        writer.write(reply(status, json.dumps(body).encode(), **head))
    elif rest and first in ("orders", "accounts"):
        writer.write(said(ORDER if first == "orders" else ACCOUNT))
    else:
        writer.write(said({"items": []}))


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that was started."""

    process: Process
    api: httpx.AsyncClient
    pages: httpx.AsyncClient
    routes: Path
    log: Path
    key: Key
    environment: dict[str, str]

    @property
    def bearer(self) -> dict[str, str]:
        """Headers of the account's requests."""
        return {"Authorization": f"Bearer {self.key.token()}"}


def configured(folder: Path, services_url: str, key: Key) -> tuple[dict[str, str], dict[str, Any]]:
    """The environment of a gateway that takes that key's tokens, and its configuration."""
    (folder / "credential").write_text("secret\n")
    (folder / "jwks.json").write_bytes(key_set(key))
    (folder / "routes.yaml").write_text(ROUTES_FILE.read_text())
    configuration = {
        "host": "127.0.0.1",
        "ports": [free_port()],
        "metrics_ports": [free_port()],
        "services_url": services_url,
        "credential_file": str(folder / "credential"),
        "services": {name: {"timeout_seconds": 5} for name in SERVICES},
        "routes_file": str(folder / "routes.yaml"),
        "auth": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(folder / "jwks.json")},
    }
    (folder / "gateway.json").write_text(json.dumps(configuration))
    environment = os.environ | {"GATEWAY_CONFIG": str(folder / "gateway.json"), "PYTHONPATH": str(ROOT)}
    return environment, configuration


async def command(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run `python` with arguments; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 110)
    return process.returncode or 0, output.decode()


@asynccontextmanager
async def started(folder: Path, services_url: str, *options: str) -> AsyncIterator[Running]:
    key = Key.make("the-key")
    environment, configuration = configured(folder, services_url, key)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", *options, env=environment, cwd=ROOT, stdout=log, stderr=log
        )
    urls = [f"http://127.0.0.1:{configuration[name][0]}" for name in ("ports", "metrics_ports")]
    async with (
        httpx.AsyncClient(base_url=urls[0], trust_env=False, timeout=20) as api,
        httpx.AsyncClient(base_url=urls[1], trust_env=False, timeout=20) as pages,
    ):
        try:
            await until_true(lambda: answers(pages))
            yield Running(process, api, pages, folder / "routes.yaml", folder / "log", key, environment)
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def until_true(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await look():  # noqa: ASYNC110 - it is another process that changes
            await asyncio.sleep(0.02)


async def answers(pages: httpx.AsyncClient) -> bool:
    try:
        return (await pages.get("/health/live")).status_code == 200
    except httpx.TransportError:
        return False


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    async with Server(example).running() as url, started(tmp_path, url) as running:
        yield running


async def test_the_api_keeps_what_its_document_says(gateway: Running, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SCHEMATHESIS)
    url = f"{gateway.api.base_url}/v1/openapi.json"
    code, output = await command(
        gateway.environment,
        *("-m", "schemathesis.cli", "--config-file", str(settings), "run", url, "--seed", "1"),
        *("--max-examples", "15", "--phases", "examples,coverage,fuzzing", "--no-color"),
        *("--header", f"Authorization: {gateway.bearer['Authorization']}"),
    )
    assert code == 0, output


async def test_no_request_is_dropped_by_a_reload(gateway: Running) -> None:
    statuses: list[int] = []
    over = asyncio.Event()

    async def ask() -> None:
        while not over.is_set():
            statuses.append((await gateway.api.get(f"/v1/orders/{ID}", headers=gateway.bearer)).status_code)

    async def reloaded(outcome: str) -> None:
        before = await reloads(gateway, outcome)
        gateway.process.send_signal(signal.SIGHUP)

        async def counted() -> bool:
            return await reloads(gateway, outcome) > before

        await until_true(counted)

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    text = gateway.routes.read_text()
    for number in range(4):
        new = (
            f"{{id: new-{number}, method: GET, path: /v1/new{number}, auth: none, mock: {{body: {number}}}}}"
        )
        gateway.routes.write_text(f"{text}\n  - {new}\n")
        await reloaded("done")
        assert (await gateway.api.get(f"/v1/new{number}")).json() == number
        assert (await gateway.api.get("/v1/new9")).status_code == 404
    gateway.routes.write_text(text.replace("service: orders", "service: nobody", 1))
    await reloaded("refused")
    line = text.partition("service: orders")[0].count("\n") + 1
    fault = f"{gateway.routes}:{line}: routes.3.compose.order.service: there is no service nobody"
    await until(lambda: fault in gateway.log.read_text())
    assert (await gateway.api.get("/v1/new3")).json() == 3
    over.set()
    await asyncio.gather(*asking)
    assert set(statuses) == {200}


async def reloads(gateway: Running, outcome: str) -> float:
    page = (await gateway.pages.get("/metrics")).text
    line = f'gateway_reloads_total{{outcome="{outcome}"}} '
    return sum(float(each.removeprefix(line)) for each in page.splitlines() if each.startswith(line))


async def test_pages_about_itself(gateway: Running) -> None:
    shown = (await gateway.pages.get("/routes")).json()
    policies, routes = shown["services"], {route["id"]: route for route in shown["routes"]}
    assert set(policies) == set(SERVICES)
    assert (policies["orders"]["timeout_seconds"], policies["orders"]["breaker"]["minimum"]) == (5, 20)
    order, account = routes["order"], routes["account"]
    assert order["parts"]["account"]["needs"] == ["order"]
    assert order["parts"]["account"]["on_failure"] == "omit"
    assert order["parts"]["order"]["policy"] == policies["orders"]
    assert account["proxy"]["policy"] | {"retries": policies["accounts"]["retries"]} == policies["accounts"]
    assert "retries" not in account["proxy"]["policy"], "what is streamed is sent once"
    assert (order["deadline_seconds"], routes["place-order"]["priority"]) == (10, "critical")
    health = (await gateway.pages.get("/health")).json()
    assert {name for name in SERVICES if health["checks"][name]["status"] == "pass"} == set(SERVICES)
    document = (await gateway.api.get("/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) >= {"/v1/orders/{order_id}", "/v1/me/orders"}


async def test_its_pages_answer_what_is_no_request_with_a_problem(gateway: Running) -> None:
    url = gateway.pages.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 400 ")
    assert "\r\nDate: " in answer
    assert "\r\nContent-Type: application/problem+json\r\n" in answer


async def test_a_handler_looks_the_account_up(tmp_path: Path) -> None:
    body = {"account_id": ID, "lines": [{"sku": "tea", "quantity": 1}]}
    server = Server(example)
    async with server.running() as url, started(tmp_path, url) as gateway:
        headers = gateway.bearer | {"Idempotency-Key": '"k-1"'}
        placed = await gateway.api.post("/v1/orders", json=body, headers=headers)
    assert (placed.status_code, placed.headers["Location"]) == (202, f"/v1/orders/{ID}")
    (asked,) = (asked for asked in server.asked if asked.method == "POST")
    assert (asked.target, asked.headers["idempotency-key"]) == ("/orders", '"k-1"')
    assert json.loads(asked.body) == body
    assert f"/accounts/{ID}" in {asked.target for asked in server.asked}


async def test_mocks_of_every_route_need_no_service(tmp_path: Path) -> None:
    declared = yaml.safe_load(ROUTES_FILE.read_text())
    bodies = {
        f"#/components/schemas/{name}": each.get("examples") for name, each in declared["schemas"].items()
    }
    async with started(tmp_path, "http://127.0.0.1:9", "--mock") as running:
        for route in declared["routes"]:
            path = route["path"].format_map(defaultdict(lambda: ID))
            body = bodies[route["body"]["$ref"]][0] if "body" in route else None
            answer = await running.api.request(route["method"], path, json=body, headers=running.bearer)
            status, response = min(route["responses"].items())
            assert str(answer.status_code) == status, route["id"]
            assert "example" not in response or answer.json() == response["example"]
        assert (await running.api.post("/v1/orders", json={}, headers=running.bearer)).status_code == 422
        assert (await running.api.get("/v1/me/orders")).status_code == 401
        assert (await running.pages.get("/health/ready")).status_code == 200


async def test_faults_stop_the_start_and_the_check(tmp_path: Path) -> None:
    environment, _ = configured(tmp_path, "http://127.0.0.1:9", Key.make("the-key"))
    assert await command(environment, "-m", "gateway", "--check") == (0, "")
    routes = tmp_path / "routes.yaml"
    routes.write_text(routes.read_text().replace("service: orders", "service: nobody"))
    for options in ([], ["--check"]):
        code, output = await command(environment, "-m", "gateway", *options)
        assert code == 1
        assert output.splitlines()
        assert all(line.startswith(f"{routes}:") for line in output.splitlines()), output


async def test_a_reload_takes_up_services_and_drops_them(gateway: Running) -> None:
    file = gateway.routes.with_name("gateway.json")
    configuration = json.loads(file.read_text())
    routes = gateway.routes.read_text()

    async def checked() -> set[str]:
        return set((await gateway.pages.get("/health")).json()["checks"])

    async def knows_mails() -> bool:
        return "mails" in await checked()

    async def forgot_mails() -> bool:
        return "mails" not in await checked()

    mails = "{id: mails, method: GET, path: /v1/mails, auth: none, proxy: {service: mails, path: /mails}}"
    more = configuration["services"] | {"mails": {"timeout_seconds": 1}}
    file.write_text(json.dumps(configuration | {"services": more}))
    gateway.routes.write_text(f"{routes}\n  - {mails}\n")
    gateway.process.send_signal(signal.SIGHUP)
    await until_true(knows_mails)
    assert (await gateway.api.get("/v1/mails")).status_code == 200
    file.write_text(json.dumps(configuration))
    gateway.routes.write_text(routes)
    gateway.process.send_signal(signal.SIGHUP)
    await until_true(forgot_mails)
    assert (await gateway.api.get("/v1/mails")).status_code == 404
    assert await checked() >= {*SERVICES, "services-nginx"}
