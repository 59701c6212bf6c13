"""A composing gateway of stock parts: Starlette, uvicorn and httpx, traced by official instrumentations."""

import asyncio
import os
from typing import Any

import httpx
import uvicorn
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.bench.peers import composition
from tests.bench.peers.sdk import set_up


def application() -> Starlette:
    """The gateway."""
    traced = set_up("starlette-httpx")
    if traced:
        HTTPXClientInstrumentor().instrument()
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    client = httpx.AsyncClient(base_url=os.environ["SERVICES_URL"], limits=limits)

    async def part(path: str) -> Any:
        return (await client.get(path)).json()

    async def composed(_request: Request) -> JSONResponse:
        parts = await asyncio.gather(*map(part, composition.PARTS.values()))
        return JSONResponse(dict(zip(composition.PARTS, parts, strict=True)))

    found = Starlette(routes=[Route(composition.PATH, composed)])
    if traced:
        StarletteInstrumentor().instrument_app(found)
    return found


if __name__ == "__main__":
    uvicorn.run(application(), port=int(os.environ["PORT"]), log_level="error", access_log=False)
