"""The file of routes, read again."""

import asyncio
import os
import signal
from pathlib import Path
from typing import cast

from gateway.config.reload import Reloader
from gateway.config.router import Router
from gateway.config.settings import Settings
from gateway.context import Context
from gateway.pipeline import Pipeline
from gateway.tests.api import router_of
from gateway.tests.services import until

SETTINGS = Settings.model_validate(
    {
        "host": "127.0.0.1",
        "ports": [1],
        "metrics_ports": [2],
        "services_url": "http://127.0.0.1:3",
        "credential_file": "none",
        "services": {"late": {"timeout_seconds": 1}},
    }
)


class Surprised(Reloader):
    """A reloader whose first reading fails with an unforeseen exception."""

    def __init__(self, router: Router, context: Context) -> None:
        super().__init__(cast(Settings, None), context)
        self.router = router
        self.reads = 0

    def read_again(self) -> tuple[Settings, Router]:
        self.reads += 1
        if self.reads == 1:
            raise OverflowError
        return SETTINGS, self.router


class Taking:
    """A pipeline as far as it takes routers."""

    router: Router | None = None

    def use(self, router: Router) -> None:
        self.router = router


async def test_a_surprise_is_not_the_last_time(tmp_path: Path) -> None:
    context = Context.null()
    router = router_of(tmp_path, "routes: [{id: a, method: GET, path: /a, mock: {}}]", context)
    reloader, pipeline = Surprised(router, context), Taking()
    served: dict[str, object] = {}
    watching = asyncio.create_task(reloader.watch(cast(Pipeline, pipeline), served.update))
    try:
        for reads in (1, 2):
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda reads=reads: reloader.reads == reads)
        await until(lambda: pipeline.router is router)
        assert served == SETTINGS.services
    finally:
        watching.cancel()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
