"""A gateway of a test's own: routes written in the test, a real server in the place of every service."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, Counter

from gateway.backend.metrics import Metrics as ResilienceMetrics
from gateway.config.loader import read_table
from gateway.config.router import Table
from gateway.context import World
from gateway.http.refusals import Refusals
from gateway.http.server import Front
from gateway.metrics import Metrics
from gateway.middleware import Door
from gateway.middleware.cors import Cors
from gateway.middleware.jwks import Keys
from gateway.middleware.jwt import Tokens
from gateway.middleware.rate_limit import Rates
from gateway.middleware.shedding import Shedder
from gateway.middleware.tests.issuer import AUDIENCE, ISSUER, Key, key_set
from gateway.middleware.trusted_proxies import TrustedProxies
from gateway.pipeline import Gateway
from gateway.tests.routes import unprotected
from gateway.tests.upstreams import Asked, Behaviour, Server, reply, until, upstreams_of
from observability import Hop

KEY = Key.make("the-key")
SERVICES = {"accounts": 0.5, "orders": 0.5, "inventory": 0.5}


@dataclass(frozen=True, slots=True)
class Api:
    """A running gateway, a client of it, and the server that it calls."""

    gateway: Gateway
    front: Front
    world: World
    url: str
    client: httpx.AsyncClient
    upstream: Server

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)


def table_of(folder: Path, routes: str, world: World) -> Table:
    """The table of a file of routes; those that do not say `auth` are open."""
    file = folder / "routes.yaml"
    file.write_text(unprotected(routes))
    return read_table(file, SERVICES, world)


async def _read_keys() -> bytes:
    return key_set(KEY)


def bearer(**claims: Any) -> dict[str, str]:
    """Headers of a caller with a good token with these claims."""
    return {"Authorization": f"Bearer {KEY.token(**claims)}"}


def answering(answers: dict[str, bytes | Behaviour]) -> Behaviour:
    """Answer each path with its bytes or behaviour; others with a 404."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        found = answers.get(asked.target.partition("?")[0], reply(404, b'{"title": "unknown"}'))
        if isinstance(found, bytes):
            writer.write(found)
        else:
            await found(asked, writer)

    return behave


async def left(writer: asyncio.StreamWriter) -> None:
    """Wait until the gateway has closed its connection to the service."""
    reader: asyncio.StreamReader = writer._reader  # type: ignore[attr-defined]
    await until(reader.at_eof)


def said(value: Any, **headers: str) -> bytes:
    """A service's JSON answer."""
    return reply(200, json.dumps(value).encode(), Content_Type="application/json", **headers)


@asynccontextmanager
async def running(hop: Hop, folder: Path, routes: str, behave: Behaviour) -> AsyncIterator[Api]:
    """A gateway with these routes before a server that behaves so."""
    async with upstreams_of(behave, hop) as (upstreams, upstream):
        world = World.of(upstreams, hop.tracer, Metrics(CollectorRegistry()))
        tokens = Tokens(Keys(_read_keys), ISSUER, AUDIENCE)
        metrics, proxies = ResilienceMetrics(CollectorRegistry()), TrustedProxies(["127.0.0.1"])
        door = Door(tokens, Rates(64), Cors(), Shedder(), metrics, proxies)
        gateway = Gateway(hop, door, table_of(folder, routes, world), world)
        front = Front.of(gateway, Refusals(hop, Counter("malformed", "", ["status"], registry=None)))
        url = f"http://127.0.0.1:{await front.listen(0, '127.0.0.1')}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
            yield Api(gateway, front, world, url, client, upstream)
        await front.stop()
        await front.close_all_connections()
