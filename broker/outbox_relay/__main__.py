"""The relay's process. Run as `python -m broker.outbox_relay`."""

import asyncio
from typing import Final

import tornado.web

from broker.measurement import Measurements
from broker.outbox_relay import outbox_api
from broker.outbox_relay.event_publisher import EventPublisher
from broker.outbox_relay.metrics import RelayMetrics
from broker.outbox_relay.outbox_gauges import OutboxGauges
from broker.outbox_relay.refused_rows import RefusedRows
from broker.outbox_relay.relay import Relay
from broker.outbox_relay.settings import Settings
from broker.process import stop_signal
from observability import setup
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.instrumentation import instrument_aiohttp_client

_MAX_BATCH_BYTES: Final = 900 * 1024  # Rio takes 1 MiB
_MAX_BODY_BYTES: Final = 4096  # of a request to the relay: none needs a body


async def main() -> None:
    """Ship every database's outbox until SIGTERM; health, metrics and refused rows over HTTP."""
    settings = Settings.from_env("RELAY_CONFIG")
    token, operator_token = settings.token(), settings.operator_token()
    telemetry = setup("relay")
    instrument_aiohttp_client()
    stopped = stop_signal()
    publisher = EventPublisher(str(settings.rio_url), token, telemetry.tracer, max_bytes=_MAX_BATCH_BYTES)
    metrics = RelayMetrics(telemetry.registry)
    telemetry.health.add("rio", publisher.check, critical=True)
    measurements = Measurements(telemetry.registry)
    tasks = []
    for database in settings.databases:
        relay = Relay(database, publisher, metrics)
        telemetry.health.add(f"outbox-{database.name}", relay.check, critical=False)
        gauges = OutboxGauges(database, metrics, measurements)
        tasks += [asyncio.create_task(relay.run()), asyncio.create_task(gauges.run())]
    routes = outbox_api.routes(RefusedRows(settings.databases), operator_token)
    application = tornado.web.Application(routes)
    hop_tornado.instrument(application, telemetry)
    server = ProblemServer(application, max_body_size=_MAX_BODY_BYTES)
    server.listen(settings.port, settings.host)
    try:
        await stopped.wait()
    finally:
        server.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await publisher.close()
        telemetry.shutdown(timeout_seconds=5.0)


if __name__ == "__main__":
    asyncio.run(main())
