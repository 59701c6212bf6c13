"""One gateway process: its servers, how it starts, reads its routes again, and stops."""

import asyncio
import logging
import signal
from functools import partial

from tornado.web import Application, RequestHandler

from gateway.door import Door
from gateway.door.rates import Rates
from gateway.door.wire import Server
from gateway.draining import drain
from gateway.metrics import Metrics
from gateway.resilience.metrics import Metrics as ResilienceMetrics
from gateway.routes.document import RoutesError
from gateway.routes.effective import effective
from gateway.routes.reading import read_table
from gateway.routes.table import Table
from gateway.server import Gateway
from gateway.settings import Settings
from gateway.upstream import Upstreams
from gateway.world import Nobody, World
from observability import Hop
from observability.frameworks import tornado as hop_tornado

#: Bodies are bounded by the gateway itself, which answers 413; what is passed on may have any size.
ANY_SIZE = 1 << 62

_logger = logging.getLogger(__name__)


class Reader:
    """Reads the file of routes, at the start and whenever it is asked to."""

    def __init__(self, settings: Settings, world: World, *, mock: bool = False) -> None:
        self._settings = settings
        self._world = world
        self._mock = mock

    def read(self) -> Table:
        """The table that the file declares now.

        Raises:
            RoutesError: the file has faults.
        """
        services = self._settings.services
        timeouts = {name: service.timeout_seconds for name, service in services.items()}
        return read_table(self._settings.routes_file, timeouts, self._world, mock=self._mock)

    def reload(self, gateway: Gateway) -> None:
        """Answer by the file as it is now; by the table in use if the file has faults."""
        try:
            gateway.use(self.read())
        except RoutesError as error:
            self._world.metrics.reloaded("refused")
            _logger.error("Routes not reloaded: the old ones stay", extra={"faults": str(error)})
        else:
            self._world.metrics.reloaded("done")
            _logger.info("Routes reloaded", extra={"routes": len(gateway.table.routes)})


def check(settings: Settings) -> None:
    """Read the routes and do nothing with them.

    Raises:
        RoutesError: the file has faults.
    """
    Reader(settings, World.nowhere()).read()


async def serve(settings: Settings, index: int, hop: Hop, rates: Rates, *, mock: bool = False) -> None:
    """Serve the public API on the process's port, and health, metrics and routes beside it, until SIGTERM.

    SIGINT ends it, too. SIGHUP has the routes read again.

    Parameters:
        index: which of the processes this is.
        rates: the limits that all processes share.
        mock: answer every route with its example, and call no service.

    Raises:
        RoutesError: the file of routes has faults.
    """
    resilience = ResilienceMetrics(hop.registry)
    upstreams = Upstreams(str(settings.services_url), settings.credential(), hop, resilience)
    world = World.of(Nobody() if mock else upstreams, hop.tracer, Metrics(hop.registry))
    reader = Reader(settings, world, mock=mock)
    door = Door.of(settings, rates, resilience)
    gateway = Gateway(hop, door, reader.read())
    if not mock:
        _add_checks(hop, upstreams, settings)
    server = Server(
        gateway,
        refused=resilience.malformed,
        max_body_size=ANY_SIZE,
        max_buffer_size=2 * 1024 * 1024,
        idle_connection_timeout=75,
        body_timeout=15,
    )
    server.listen(settings.ports[index], settings.host)
    telemetry = Application([*hop_tornado.routes(hop), ("/routes", _RoutesPage, {"gateway": gateway})])
    pages = telemetry.listen(settings.metrics_ports[index], settings.host)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reader.reload, gateway)
    watching = asyncio.create_task(door.shedder.watch())
    try:
        await stop_signal()
        await drain(server, gateway, hop)
    finally:
        watching.cancel()
        pages.stop()
        await upstreams.close()


async def stop_signal() -> None:
    """Return once the process was asked to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()


def _add_checks(hop: Hop, upstreams: Upstreams, settings: Settings) -> None:
    """Ready is who reaches services nginx; which of the services are, `/health` says besides."""
    hop.health.add("services-nginx", upstreams.reachable, critical=True)
    for name in settings.services:
        hop.health.add(name, partial(upstreams.ready, name), critical=False)


class _RoutesPage(RequestHandler):
    """`/routes`: the table in use, with every default filled in."""

    def initialize(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(effective(self._gateway.table))

    def _log(self) -> None:
        """Nobody wants a line for each look."""
