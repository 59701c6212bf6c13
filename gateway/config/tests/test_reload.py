"""The file of routes, read again."""

import asyncio
import os
import signal
from pathlib import Path
from typing import cast

from gateway.config.reload import Reader
from gateway.config.router import Table
from gateway.config.settings import Settings
from gateway.context import World
from gateway.pipeline import Gateway
from gateway.tests.api import table_of
from gateway.tests.upstreams import until

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


class Surprised(Reader):
    """A reader that finds, the first time, what nobody thought of."""

    def __init__(self, table: Table, world: World) -> None:
        super().__init__(cast(Settings, None), world)
        self.table = table
        self.reads = 0

    def read_again(self) -> tuple[Settings, Table]:
        self.reads += 1
        if self.reads == 1:
            raise OverflowError
        return SETTINGS, self.table


class Taking:
    """A gateway as far as it takes tables."""

    table: Table | None = None

    def use(self, table: Table) -> None:
        self.table = table


async def test_a_surprise_is_not_the_last_time(tmp_path: Path) -> None:
    world = World.nowhere()
    table = table_of(tmp_path, "routes: [{id: a, method: GET, path: /a, mock: {}}]", world)
    reader, gateway = Surprised(table, world), Taking()
    served: dict[str, object] = {}
    watching = asyncio.create_task(reader.watch(cast(Gateway, gateway), served.update))
    try:
        for reads in (1, 2):
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda reads=reads: reader.reads == reads)
        await until(lambda: gateway.table is table)
        assert served == SETTINGS.services
    finally:
        watching.cancel()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
