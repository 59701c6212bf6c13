"""The file of routes, and the services it may name: read at the start, and again on SIGHUP."""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping

from gateway.config.loader import read_table
from gateway.config.router import Table
from gateway.config.settings import ServiceSettings, Settings, SettingsError
from gateway.config.yaml_document import RoutesError
from gateway.context import World
from gateway.pipeline import Gateway

_logger = logging.getLogger(__name__)


class Reader:
    """Reads the file of routes. Make it inside the running event loop: from then on no SIGHUP is lost.

    Parameters:
        again: reads the settings again. Of these the services are used; the others are those of the start.
        mock: answer every route with its example.
    """

    def __init__(
        self,
        settings: Settings,
        world: World,
        *,
        again: Callable[[], Settings] = Settings.load,
        mock: bool = False,
    ) -> None:
        self._settings = settings
        self._world = world
        self._again = again
        self._mock = mock
        self._told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._told.set)

    def read(self) -> Table:
        """The table that the file declares now.

        Raises:
            RoutesError: the file has faults.
        """
        return _read(self._settings, self._world, self._mock)

    async def watch(
        self, gateway: Gateway, use_services: Callable[[Mapping[str, ServiceSettings]], None]
    ) -> None:
        """Until cancelled, read both again on SIGHUP; with faults in one of them what is in use stays.

        Parameters:
            use_services: called with the services there are now.
        """
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                settings, table = await asyncio.to_thread(self.read_again)
                self._settings = settings
                gateway.use(table)
                use_services(settings.services)
            except (RoutesError, SettingsError) as error:
                self._world.metrics.reloaded("refused")
                _logger.error("Routes not reloaded: the old ones stay", extra={"faults": str(error)})
            except Exception:  # a file that nobody thought of must not be the last one that is read
                self._world.metrics.reloaded("refused")
                _logger.exception("Routes not reloaded: the old ones stay")
            else:
                self._world.metrics.reloaded("done")
                _logger.info("Routes reloaded", extra={"routes": len(gateway.table.routes)})

    def read_again(self) -> tuple[Settings, Table]:
        """The settings and the table as their files are now.

        Raises:
            SettingsError, RoutesError: one of them has faults.
        """
        services = self._again().services
        settings = self._settings.model_copy(update={"services": services})
        return settings, _read(settings, self._world, self._mock)


def check(settings: Settings) -> None:
    """Read the routes and do nothing with them.

    Raises:
        RoutesError: the file has faults.
    """
    _read(settings, World.nowhere(), mock=False)


def _read(settings: Settings, world: World, mock: bool) -> Table:
    timeouts = {name: service.timeout_seconds for name, service in settings.services.items()}
    return read_table(settings.routes_file, timeouts, world, mock=mock)
