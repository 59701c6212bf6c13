"""Small real HTTP servers that misbehave on purpose, in the place of the services."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
from aiohttp import web

from gateway.settings import Settings
from gateway.upstream import Upstreams

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[Upstreams]]


@pytest_asyncio.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a server with one handler for every path; answers with the Upstreams that call it."""
    runners: list[web.ServerRunner] = []
    clients: list[Upstreams] = []

    async def start(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> Upstreams:
        runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        host, port = runner.addresses[0][:2]
        clients.append(Upstreams(settings(tmp_path, f"http://{host}:{port}")))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
    for runner in runners:
        await runner.cleanup()


def settings(folder: Path, services_url: str) -> Settings:
    credential = folder / "credential"
    credential.write_text("secret\n")
    return Settings.model_validate(
        {
            "host": "127.0.0.1",
            "ports": [1],
            "metrics_ports": [2],
            "services_url": services_url,
            "credential_file": str(credential),
            "services": {"orders": {"timeout_seconds": 0.3}},
        }
    )
