"""The API's process. Run as `python -m broker.rio`."""

import asyncio
from typing import Final

import tornado.web
import uvloop

from broker.process import spare_the_collector, stop_signal
from broker.rio.admin.openapi import with_description
from broker.rio.api import Api
from broker.rio.http_server import api_server
from broker.rio.settings import Settings
from observability import Telemetry, setup
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.http.server import Server
from observability.instrumentation import instrument_psycopg

_DRAIN_SECONDS: Final = 10.0


async def main() -> None:
    """Serve the API, health and metrics until SIGTERM."""
    settings = Settings.from_env("RIO_CONFIG")
    telemetry = setup("rio")
    instrument_psycopg()
    stopped = stop_signal()
    api = Api(settings, telemetry)
    await api.open()
    server = await _listen(api, settings, telemetry)
    tasks = [asyncio.create_task(work) for work in api.background()]
    spare_the_collector()
    try:
        await stopped.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _drain(api, server)
        await api.close()
        telemetry.shutdown(timeout_seconds=5.0)


async def _listen(api: Api, settings: Settings, telemetry: Telemetry) -> Server:
    """Take connections. The process that takes this one's place listens on the same ports meanwhile."""
    application = tornado.web.Application(with_description(api.routes))
    hop_tornado.instrument(application, telemetry)
    server = api_server(api.pipeline, application, telemetry, api.metrics, settings.max_body_bytes)
    await server.listen(settings.api.port, settings.api.host, reuse_port=True)
    if settings.api_ready is not None:
        health = tornado.web.Application()
        hop_tornado.instrument(health, telemetry)
        ProblemServer(health).listen(settings.api_ready.port, settings.api_ready.host)
    return server


async def _drain(api: Api, server: Server) -> None:
    """Take no more connections, and answer what was asked."""
    api.tail.end()
    server.refuse_keeping_alive()
    await server.stop()
    await hop_tornado.drain(_DRAIN_SECONDS)
    await api.pipeline.drain(_DRAIN_SECONDS)  # last: right after it connections are closed
    await server.close_all_connections()


if __name__ == "__main__":
    uvloop.run(main())
