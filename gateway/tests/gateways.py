"""Real gateways of several processes, and what talks to them as bytes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from gateway.authentication.tests.issuer import AUDIENCE, ISSUER, Key, key_set
from gateway.tests.routes import open_to_all
from tests.ports import free_port

ROOT = Path(__file__).parents[2]

ROUTES = """
title: test
version: "1"
services: {defaults: {timeout_seconds: 5}}
routes:
  - {id: fixed, method: GET, path: /v1/fixed, mock: {status: 200, body: {fixed: true}}}
  - {id: echo, method: POST, path: /v1/echo, proxy: {service: orders, path: /orders}}
  - {id: slow, method: GET, path: /v1/slow, proxy: {service: orders, path: /orders/slow}}
  - {id: mine, method: GET, path: /v1/mine, auth: required, scopes: ["orders:read"],
     proxy: {service: orders, path: /orders/mine}}
  - {id: keyed, method: POST, path: /v1/keyed, idempotency: true, proxy: {service: orders, path: /orders}}
  - {id: limited, method: GET, path: /v1/limited, rate_limit: {requests: 5, seconds: 3600},
     mock: {status: 200, body: {}}}
  - {id: own-limit, method: GET, path: /v1/own-limit, rate_limit: {requests: 5, seconds: 3600},
     mock: {status: 200, body: {}}}
  - {id: open, method: GET, path: /v1/open, auth: none, proxy: {service: orders, path: /orders/open}}
"""


@dataclass(frozen=True)
class Gateway:
    """A running gateway: a port a process."""

    process: subprocess.Popen[bytes]
    ports: list[int]
    pages: list[int]
    key: Key
    jwks: Path
    log: Path

    def url(self, path: str, index: int = 0) -> str:
        return f"http://127.0.0.1:{self.ports[index]}{path}"

    async def ready(self, index: int = 0) -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                page = await client.get(f"http://127.0.0.1:{self.pages[index]}/health/ready", timeout=3)
            except httpx.TransportError:
                return False
            return page.status_code == 200

    async def raw(self, data: bytes, index: int = 0) -> bytes:
        """Everything that is answered to those bytes until the gateway closes or is silent for a while."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[index])
        received = b""
        try:
            writer.write(data)
            await writer.drain()
            async with asyncio.timeout(10):
                while piece := await asyncio.wait_for(reader.read(65536), 2):
                    received += piece
        except (TimeoutError, ConnectionError):
            received += b"<open>"
        finally:
            writer.close()
        return received


@asynccontextmanager
async def gateway(
    folder: Path,
    services_url: str,
    processes: int = 1,
    routes: str = ROUTES,
    output: BinaryIO | None = None,
    **settings: Any,
) -> AsyncIterator[Gateway]:
    """A gateway before that server, ready; stopped at the end. Routes that do not say `auth` are open.

    Parameters:
        output: where stdout and stderr go in place of a file.
    """
    key = Key.make("the-key")
    ports, pages = ([free_port() for _ in range(processes)] for _ in range(2))
    (folder / "jwks.json").write_bytes(key_set(key))
    (folder / "credential").write_text("secret\n")
    (folder / "routes.yaml").write_text(open_to_all(routes))
    document: Mapping[str, Any] = {
        "host": "127.0.0.1",
        "ports": ports,
        "metrics_ports": pages,
        "services_url": services_url,
        "credential_file": str(folder / "credential"),
        "services": {"orders": {"timeout_seconds": 5}},
        "routes_file": str(folder / "routes.yaml"),
        "trusted_proxies": ["127.0.0.1"],
        "auth": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(folder / "jwks.json")},
        **settings,
    }
    (folder / "gateway.json").write_text(json.dumps(document))
    environment = os.environ | {"GATEWAY_CONFIG": str(folder / "gateway.json")}
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it is started once
            [sys.executable, "-m", "gateway"],
            cwd=ROOT,
            env=environment,
            stdout=output or log,
            stderr=output or log,
        )
    running = Gateway(process, ports, pages, key, folder / "jwks.json", folder / "gateway.log")
    try:
        for index in range(processes):
            async with asyncio.timeout(120):
                while not await running.ready(index):
                    assert process.poll() is None, (folder / "gateway.log").read_text()
                    await asyncio.sleep(0.05)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, 120)  # longer than it drains and sends its telemetry
        finally:
            process.kill()
            process.wait(timeout=10)
