"""A gateway of a test's own: routes written in the test, a real server in the place of every service."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from gateway.authentication.jwks import Jwks
from gateway.authentication.tests.issuer import AUDIENCE, ISSUER, Key, key_set
from gateway.authentication.token_verifier import TokenVerifier
from gateway.built_in_middleware import built_in
from gateway.caller.trusted_proxies import TrustedProxies
from gateway.config.loader import load_router
from gateway.config.router import Router
from gateway.context import Context
from gateway.cors import Cors
from gateway.limits import LIMITS
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.rate_limiter import RateLimiter
from gateway.shedder import Shedder
from gateway.tests.routes import open_to_all
from gateway.tests.services import Asked, Behaviour, Server, reply, service_of, until
from observability import Telemetry
from observability.http.server import Refusals
from observability.http.server import Server as HttpServer

KEY = Key.make("the-key")
SERVICES = {"accounts": 20.0, "orders": 20.0, "inventory": 20.0}


@dataclass(frozen=True, slots=True)
class Api:
    """A running gateway, a client of it, and the server that it calls."""

    pipeline: Pipeline
    front: HttpServer
    context: Context
    url: str
    client: httpx.AsyncClient
    service: Server

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)


def limit(api: Api, monkeypatch: pytest.MonkeyPatch, **limits: float) -> None:
    """Let connections from now on have these limits."""
    monkeypatch.setattr(api.front, "limits", replace(api.front.limits, **limits))


def router_of(folder: Path, routes: str, context: Context) -> Router:
    """The router of a file of routes; those that do not say `auth` are open."""
    file = folder / "routes.yaml"
    file.write_text(open_to_all(routes))
    return load_router(file, SERVICES, context)


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


def before_each(api: Api, monkeypatch: pytest.MonkeyPatch, act: Callable[[Request], object]) -> None:
    """Do something with each request of the routes of now before its middleware runs."""

    def acting(handler: Handler) -> Handler:
        async def first_act(request: Request) -> Response:
            act(request)
            return await handler(request)

        return first_act

    stacks = api.pipeline.stacks.items()
    acting_first = {route: stack._replace(handler=acting(stack.handler)) for route, stack in stacks}
    monkeypatch.setattr(api.pipeline, "stacks", acting_first)


@asynccontextmanager
async def running(
    telemetry: Telemetry,
    folder: Path,
    routes: str,
    behave: Behaviour,
    verifier: TokenVerifier | None = None,
    cors: Cors | None = None,
) -> AsyncIterator[Api]:
    """A gateway with these routes before a server that behaves so."""
    async with service_of(behave, telemetry) as (service_client, service):
        context = Context.of(service_client, telemetry.tracer, Metrics(CollectorRegistry()))
        verifier, cors = verifier or TokenVerifier(Jwks(_read_keys), ISSUER, AUDIENCE), cors or Cors()
        middleware = built_in(verifier, RateLimiter(64), Shedder(), cors, context)
        proxies = TrustedProxies(["127.0.0.1"])
        router = router_of(folder, routes, context)
        pipeline = Pipeline(telemetry, middleware, proxies, cors, context, router)
        refusals = Refusals(telemetry, Counter("malformed", "", ["status"], registry=None))
        front = HttpServer(pipeline.receive, refusals, LIMITS)
        url = f"http://127.0.0.1:{await front.listen(0, '127.0.0.1')}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
            yield Api(pipeline, front, context, url, client, service)
        await front.stop()
        await front.close_all_connections()
