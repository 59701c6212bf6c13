"""The file of routes, read at the start and again whenever the process is told to."""

import asyncio
import logging
import signal

from gateway.routes.document import RoutesError
from gateway.routes.reading import read_table
from gateway.routes.table import Table
from gateway.server import Gateway
from gateway.settings import Settings
from gateway.world import World

_logger = logging.getLogger(__name__)


class Reader:
    """Reads the file of routes. Make it inside the running event loop: from then on no SIGHUP is lost.

    Parameters:
        mock: answer every route with its example.
    """

    def __init__(self, settings: Settings, world: World, *, mock: bool = False) -> None:
        self._settings = settings
        self._world = world
        self._mock = mock
        self._told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._told.set)

    def read(self) -> Table:
        """The table that the file declares now.

        Raises:
            RoutesError: the file has faults.
        """
        return _read(self._settings, self._world, self._mock)

    async def watch(self, gateway: Gateway) -> None:
        """Until cancelled, read the file again on SIGHUP; with faults in it the table in use stays."""
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                gateway.use(await asyncio.to_thread(self.read))
            except RoutesError as error:
                self._world.metrics.reloaded("refused")
                _logger.error("Routes not reloaded: the old ones stay", extra={"faults": str(error)})
            except Exception:  # a file that nobody thought of must not be the last one that is read
                self._world.metrics.reloaded("refused")
                _logger.exception("Routes not reloaded: the old ones stay")
            else:
                self._world.metrics.reloaded("done")
                _logger.info("Routes reloaded", extra={"routes": len(gateway.table.routes)})


def check(settings: Settings) -> None:
    """Read the routes and do nothing with them.

    Raises:
        RoutesError: the file has faults.
    """
    _read(settings, World.nowhere(), mock=False)


def _read(settings: Settings, world: World, mock: bool) -> Table:
    timeouts = {name: service.timeout_seconds for name, service in settings.services.items()}
    return read_table(settings.routes_file, timeouts, world, mock=mock)
