"""The console's process. Run as `python -m observability.console`."""

import asyncio
import signal
from typing import Final

from observability import setup
from observability.console.application import application
from observability.console.audits import Audits
from observability.console.dashboards import Dashboards
from observability.console.sampling import ReadsByRatio
from observability.console.settings import Settings
from observability.console.store_client import StoreClient
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer

_MAX_HEADER_BYTES: Final = 64 * 1024
_MAX_BODY_BYTES: Final = 64 * 1024
_IDLE_SECONDS: Final = 75
_DRAIN_SECONDS: Final = 2.0


async def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings.from_env("CONSOLE_CONFIG")
    telemetry = setup("console", ReadsByRatio())
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    client = StoreClient(
        settings.stores,
        settings.rio_token(),
        telemetry.tracer,
        existing=settings.existing_stores,
        headers=settings.store_headers(),
    )
    for name, check in client.checks():
        telemetry.health.add(name, check, critical=False)
    dashboards = Dashboards(settings.dashboards)
    audits = Audits(settings, client, dashboards.uids, telemetry.metrics.registry)
    server = ProblemServer(
        application(settings, telemetry, client, dashboards, audits),
        max_header_size=_MAX_HEADER_BYTES,
        max_body_size=_MAX_BODY_BYTES,
        idle_connection_timeout=_IDLE_SECONDS,
    )
    server.listen(settings.port, settings.host)
    repeating = asyncio.create_task(audits.repeat())
    try:
        await stopped.wait()
    finally:
        repeating.cancel()
        server.stop()
        await hop_tornado.drain(_DRAIN_SECONDS)
        await client.close()
        telemetry.shutdown(timeout_seconds=5.0)


if __name__ == "__main__":
    asyncio.run(main())
