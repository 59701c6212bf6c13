"""One gateway process: its servers, how it starts, reads its routes again, and stops."""

import asyncio
import signal
from collections.abc import Mapping
from functools import partial

from tornado.web import Application, RequestHandler

from gateway.backend import Upstreams
from gateway.backend.metrics import Metrics as ResilienceMetrics
from gateway.config.effective import effective
from gateway.config.reload import Reader
from gateway.config.settings import ServiceSettings, Settings
from gateway.context import Nobody, World
from gateway.draining import drain
from gateway.http.refusals import Refusals
from gateway.http.server import Front
from gateway.metrics import Metrics
from gateway.middleware import Door
from gateway.middleware.invalidation import Invalidations
from gateway.middleware.rate_limit import Rates
from gateway.pipeline import Gateway
from observability import Hop
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer


async def serve(
    settings: Settings,
    index: int,
    hop: Hop,
    rates: Rates,
    invalidations: Invalidations,
    *,
    mock: bool = False,
) -> None:
    """Serve the public API on the process's port, and health, metrics and routes beside it, until SIGTERM.

    SIGINT ends it, too. SIGHUP has the routes, and the services of the settings, read again.

    Parameters:
        index: which of the processes this is.
        rates: the limits that all processes share.
        invalidations: the writes that all processes share.
        mock: answer every route with its example, and call no service.

    Raises:
        RoutesError: the file of routes has faults.
    """
    resilience = ResilienceMetrics(hop.registry)
    upstreams = Upstreams(str(settings.services_url), settings.credential(), hop, resilience)
    world = World.of(Nobody() if mock else upstreams, hop.tracer, Metrics(hop.registry), invalidations)
    reader = Reader(settings, world, mock=mock)
    door = Door.of(settings, rates, resilience)
    gateway = Gateway(hop, door, reader.read(), world)
    checks = _Checks(hop, upstreams)
    if not mock:
        checks.use(settings.services)
    front = Front.of(gateway, Refusals(hop, resilience.malformed))
    await front.listen(settings.ports[index], settings.host)
    routes = [*hop_tornado.routes(hop), ("/routes", _RoutesPage, {"gateway": gateway})]
    pages = ProblemServer(Application(routes))
    pages.listen(settings.metrics_ports[index], settings.host)
    watched = reader.watch(gateway, (lambda services: None) if mock else checks.use)
    watching = [asyncio.create_task(each) for each in (door.shedder.watch(), watched)]
    try:
        await stop_signal()
        await drain(front, gateway, hop)
    finally:
        for task in watching:
            task.cancel()
        pages.stop()
        await upstreams.close()


async def stop_signal() -> None:
    """Return once the process was asked to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()


class _Checks:
    """Checks of what the gateway calls: it is ready if it reaches services nginx; the services' checks say
    which of them are ready."""

    def __init__(self, hop: Hop, upstreams: Upstreams) -> None:
        self._health = hop.health
        self._upstreams = upstreams
        self._services: set[str] = set()

    def use(self, services: Mapping[str, ServiceSettings]) -> None:
        """Check these services from now on, and no others."""
        self._health.add("services-nginx", self._upstreams.reachable, critical=True)
        for name in self._services - services.keys():
            self._health.remove(name)
        for name in services.keys() - self._services:
            self._health.add(name, partial(self._upstreams.ready, name), critical=False)
        self._services = set(services)


class _RoutesPage(RequestHandler):
    """`/routes`: the table in use, with every default filled in."""

    def initialize(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(effective(self._gateway.table))

    def _log(self) -> None:
        """Nobody wants a line for each look."""
