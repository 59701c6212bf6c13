"""A composing gateway of stock parts: Tornado and aiohttp, traced by their official instrumentations."""

import asyncio
import json
import os
from typing import Any

import aiohttp
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.tornado import TornadoInstrumentor
from tornado.web import Application, RequestHandler

from tests.bench.peers import composition
from tests.bench.peers.sdk import set_up


class Composed(RequestHandler):
    """Three services' answers in one document."""

    async def get(self) -> None:
        session: aiohttp.ClientSession = self.settings["session"]

        async def part(path: str) -> Any:
            async with session.get(os.environ["SERVICES_URL"] + path) as answer:
                return await answer.json()

        parts = await asyncio.gather(*map(part, composition.PARTS.values()))
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(dict(zip(composition.PARTS, parts, strict=True))))


async def main() -> None:
    """Serve until killed."""
    if set_up("tornado-aiohttp"):
        TornadoInstrumentor().instrument()  # type: ignore[no-untyped-call]
        AioHttpClientInstrumentor().instrument()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1024)) as session:
        application = Application(
            [(composition.PATH, Composed)], session=session, log_function=lambda _: None
        )
        application.listen(int(os.environ["PORT"]), "127.0.0.1")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
