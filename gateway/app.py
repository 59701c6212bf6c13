"""One gateway process: its servers, how it starts, reads its routes again, and stops."""

import asyncio
import signal
from collections.abc import Mapping
from functools import partial

from tornado.web import Application, RequestHandler

from gateway.application_mount import ApplicationMount
from gateway.authentication.token_verifier import verifier_of
from gateway.built_in_middleware import built_in
from gateway.caller.trusted_proxies import TrustedProxies
from gateway.config.effective import effective
from gateway.config.reload import Reloader
from gateway.config.settings import ServiceSettings, Settings
from gateway.context import Context, NullServiceClient
from gateway.cors import Cors
from gateway.draining import drain
from gateway.invalidations import Invalidations
from gateway.limits import LIMITS
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.rate_limiter import RateLimiter
from gateway.service_client import HttpServiceClient
from gateway.service_client.metrics import ServiceMetrics
from gateway.shedder import Shedder
from observability import Telemetry
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.http.server import Refusals, Server


async def serve(
    settings: Settings,
    index: int,
    telemetry: Telemetry,
    limiter: RateLimiter,
    invalidations: Invalidations,
    *,
    mock: bool = False,
) -> None:
    """Serve the public API on the process's port, and health, metrics and routes beside it, until SIGTERM.

    SIGINT ends it, too. SIGHUP has the routes, and the services of the settings, read again.

    Parameters:
        index: which of the processes this is.
        limiter: the limits that all processes share.
        invalidations: the writes that all processes share.
        mock: answer every route with its example, and call no service.

    Raises:
        FaultyDocument: the file of routes has faults.
    """
    service_metrics = ServiceMetrics(telemetry.registry)
    service_client = HttpServiceClient(
        str(settings.services_url), settings.credential(), telemetry, service_metrics
    )
    context = Context.of(
        NullServiceClient() if mock else service_client,
        telemetry.tracer,
        Metrics(telemetry.registry),
        invalidations,
    )
    reloader = Reloader(settings, context, mock=mock)
    shedder = Shedder()
    cors = Cors(settings.cors.origins, settings.cors.max_age_seconds)
    middleware = built_in(verifier_of(settings.auth), limiter, shedder, cors, context)
    proxies = TrustedProxies(settings.trusted_proxies)
    pipeline = Pipeline(telemetry, middleware, proxies, cors, context, reloader.read())
    checks = _Checks(telemetry, service_client)
    if not mock:
        checks.use(settings.services)
    mount = ApplicationMount(pipeline, proxies)
    server = Server(mount.receive, Refusals(telemetry, context.metrics.malformed), LIMITS)
    await server.listen(settings.ports[index], settings.host)
    application = Application([("/routes", _RoutesPage, {"pipeline": pipeline})])
    hop_tornado.add_pages(application, telemetry)
    pages = ProblemServer(application)
    pages.listen(settings.metrics_ports[index], settings.host)
    watched = reloader.watch(pipeline, (lambda services: None) if mock else checks.use)
    watching = [asyncio.create_task(each) for each in (shedder.watch(), watched)]
    try:
        await stop_signal()
        await drain(server, pipeline, telemetry)
    finally:
        for task in watching:
            task.cancel()
        pages.stop()
        await service_client.close()


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

    def __init__(self, telemetry: Telemetry, service_client: HttpServiceClient) -> None:
        self._health = telemetry.health
        self._service_client = service_client
        self._services: set[str] = set()

    def use(self, services: Mapping[str, ServiceSettings]) -> None:
        """Check these services from now on, and no others."""
        self._health.add("services-nginx", self._service_client.health.reachable, critical=True)
        for name in self._services - services.keys():
            self._health.remove(name)
        for name in services.keys() - self._services:
            self._health.add(name, partial(self._service_client.health.ready, name), critical=False)
        self._services = set(services)


class _RoutesPage(RequestHandler):
    """`/routes`: the routes in use, with every default filled in and the middleware of each."""

    def initialize(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(effective(self._pipeline.router, self._pipeline.stacks))

    def _log(self) -> None:
        """No access line."""
