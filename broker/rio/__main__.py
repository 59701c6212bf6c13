"""The API's process. Run as `python -m broker.rio`."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

import tornado.web
import uvloop

from broker.process import spare_the_collector, stop_signal
from broker.rio.admin.app import administration
from broker.rio.api import Api
from broker.rio.http_server import api_server
from broker.rio.settings import Address, Settings
from observability import Telemetry, setup
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.http.server import Server
from observability.http.server.asgi import AsgiRequests
from observability.instrumentation import instrument_psycopg

_DRAIN_SECONDS: Final = 10.0
_TURN_SECONDS: Final = 0.5


async def main() -> None:
    """Serve the API, health and metrics until SIGTERM."""
    settings = Settings.from_env("RIO_CONFIG")
    telemetry = setup("rio")
    instrument_psycopg()
    stopped = stop_signal()
    api = Api(settings, telemetry)
    await api.open()
    tasks = [asyncio.create_task(work) for work in api.background()]
    requests = AsgiRequests(administration(api.parts, telemetry))
    server = api_server(api.pipeline, requests, telemetry, api.metrics, settings.max_body_bytes)
    if settings.api_ready is not None:
        _serve_health(settings.api_ready, telemetry)
    telemetry.health.add("port", partial(_check_port, server), critical=True)
    spare_the_collector()
    try:
        await _wait_for_turn(settings.api, api.prepared, stopped)
        await server.listen(settings.api.port, settings.api.host, reuse_port=True)
        await stopped.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _drain(api, requests, server)
        await api.close()
        telemetry.shutdown(timeout_seconds=5.0)


def _serve_health(address: Address, telemetry: Telemetry) -> None:
    """Answer the health pages from now on, on a port of their own."""
    health = tornado.web.Application()
    hop_tornado.instrument(health, telemetry)
    ProblemServer(health).listen(address.port, address.host)


def _check_port(server: Server) -> None:
    """A health check: raises before connections are taken."""
    if not server.is_listening:
        raise RuntimeError("waits to be prepared: another process serves the port")


async def _wait_for_turn(address: Address, prepared: asyncio.Event, stopped: asyncio.Event) -> None:
    """Return when this process is prepared, or no other serves the port: beside one that does, requests that
    came here before would be refused."""
    while not (prepared.is_set() or stopped.is_set()) and await _is_served(address):
        with suppress(TimeoutError):
            await asyncio.wait_for(prepared.wait(), _TURN_SECONDS)


async def _is_served(address: Address) -> bool:
    """Whether a process listens there; also one that is too busy to be heard from in time."""
    try:
        async with asyncio.timeout(_TURN_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return True
    except OSError:
        return False
    writer.close()
    return True


async def _drain(api: Api, requests: AsgiRequests, server: Server) -> None:
    """Take no more connections, and answer what was asked."""
    api.tail.end()
    server.refuse_keeping_alive()
    await server.stop()
    await requests.drain(_DRAIN_SECONDS)
    await api.pipeline.drain(_DRAIN_SECONDS)  # last: right after it connections are closed
    await server.close_all_connections()


if __name__ == "__main__":
    uvloop.run(main())
