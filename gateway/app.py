"""One gateway process: its servers, and how it starts and stops."""

import asyncio
import signal

from tornado.httpserver import HTTPServer
from tornado.web import Application

from gateway.handlers import routes
from gateway.resilience.metrics import Metrics
from gateway.resilience.policy import Policy
from gateway.settings import Settings
from gateway.upstream import Upstreams
from observability import Hop
from observability.frameworks import tornado as hop_tornado

#: The edge lets bodies of this size through too; the gateway does not rely on it.
MAX_BODY_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 32 * 1024
#: How long requests in flight may still take once the process was told to stop.
DRAIN_SECONDS = 10.0


async def serve(settings: Settings, index: int, hop: Hop) -> None:
    """Serve the public API on the process's port, health and metrics beside it, until SIGTERM or SIGINT."""
    metrics = Metrics(hop.registry)
    upstreams = Upstreams(str(settings.services_url), settings.credential(), hop, metrics)
    policies = {
        name: Policy(timeout_seconds=service.timeout_seconds) for name, service in settings.services.items()
    }
    hop.health.add("services-nginx", upstreams.reachable, critical=True)
    api = Application(routes(upstreams, policies), default_handler_class=hop_tornado.NotFound)
    server = HTTPServer(
        api,
        max_body_size=MAX_BODY_BYTES,
        max_buffer_size=2 * MAX_BODY_BYTES,
        max_header_size=MAX_HEADER_BYTES,
        idle_connection_timeout=75,
        body_timeout=15,
    )
    server.listen(settings.ports[index], settings.host)
    telemetry = Application(hop_tornado.routes(hop)).listen(settings.metrics_ports[index], settings.host)
    try:
        await stop_signal()
        server.stop()
        await hop_tornado.drain(DRAIN_SECONDS)
        await server.close_all_connections()
    finally:
        telemetry.stop()
        await upstreams.close()


async def stop_signal() -> None:
    """Return once the process was asked to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()
