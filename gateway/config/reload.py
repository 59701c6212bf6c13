"""The file of routes, and the services it may name: read at the start, and again on SIGHUP."""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping

from gateway.config.loader import load_router
from gateway.config.router import Router
from gateway.config.settings import ServiceSettings, Settings
from gateway.context import Context
from gateway.pipeline import Pipeline
from observability.configuration.errors import ConfigurationError

_logger = logging.getLogger(__name__)


class Reloader:
    """Reads the file of routes. Make it inside the running event loop: from then on no SIGHUP is lost.

    Parameters:
        again: reads the settings again. Of these the services are used; the others are those of the start.
        mock: answer every route with its example.
    """

    def __init__(
        self,
        settings: Settings,
        context: Context,
        *,
        again: Callable[[], Settings] = Settings.read,
        mock: bool = False,
    ) -> None:
        self._settings = settings
        self._context = context
        self._again = again
        self._mock = mock
        self._asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)

    def read(self) -> Router:
        """The router that the file declares now.

        Raises:
            FaultyDocument: the file has faults.
        """
        return _read(self._settings, self._context, self._mock)

    async def watch(
        self, pipeline: Pipeline, use_services: Callable[[Mapping[str, ServiceSettings]], None]
    ) -> None:
        """Until cancelled, read both again on SIGHUP; with faults in one of them what is in use stays.

        Parameters:
            use_services: called with the services there are now.
        """
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                settings, router = await asyncio.to_thread(self.read_again)
                self._settings = settings
                pipeline.use(router)
                use_services(settings.services)
            except ConfigurationError as error:
                self._context.metrics.reloaded("refused")
                _logger.error("Routes not reloaded: the old ones stay", extra={"faults": str(error)})
            except Exception:  # a file with an unforeseen fault must not be the last one that is read
                self._context.metrics.reloaded("refused")
                _logger.exception("Routes not reloaded: the old ones stay")
            else:
                self._context.metrics.reloaded("done")
                _logger.info("Routes reloaded", extra={"routes": len(pipeline.router.routes)})

    def read_again(self) -> tuple[Settings, Router]:
        """The settings and the router as their files are now.

        Raises:
            ConfigurationError: one of them has faults.
        """
        services = self._again().services
        settings = self._settings.model_copy(update={"services": services})
        return settings, _read(settings, self._context, self._mock)


def check(settings: Settings) -> None:
    """Read the routes and do nothing with them.

    Raises:
        FaultyDocument: the file has faults.
    """
    _read(settings, Context.null(), mock=False)


def _read(settings: Settings, context: Context, mock: bool) -> Router:
    timeouts = {name: service.timeout_seconds for name, service in settings.services.items()}
    return load_router(settings.routes_file, timeouts, context, mock=mock)
