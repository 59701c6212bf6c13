"""The processes of a native instance, as a document for process-compose.

What waits for what: everything starts at once, except that databases come before who uses them and RabbitMQ
before Rio. A hop that is replaced while it serves has a spare: the same process on another port, which serves
meanwhile. Of telemetry a hop asks no more than that it was started, which delays nothing: an ordered stop
then ends the hops first, so that their last spans still arrive.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from compose.cli import (
    alertmanager,
    collector,
    disk_limits,
    environment,
    hops,
    nginx,
    prometheus,
    rabbitmq,
    users,
)
from compose.cli.catalog import Catalog, Service
from compose.cli.layout import Layout
from compose.cli.platform import DISPATCHER, Platform
from compose.cli.process import DONE, HEALTHY, STARTED, Probe, Process
from compose.cli.site import Address, Site
from compose.cli.stores import Stores
from compose.cli.tool_selection import identity
from compose.cli.validation import OBSERVABILITY

if TYPE_CHECKING:
    from compose.cli.toolbox import Toolbox

_ROTATION_SECONDS = 60
_TELEMETRY = {"collector": STARTED}


def document(layout: Layout, processes: Mapping[str, Mapping[str, Any]]) -> str:
    """The document, YAML. processes: the definition of each (see Process.document), by name."""
    content = {
        "version": "0.5",
        "is_strict": True,
        "log_level": "info",
        "environment": [f"{name}={value}" for name, value in _everywhere(layout).items()],
        "processes": dict(processes),
    }
    text = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return text.replace("$", "$$")  # process-compose expands variables in the whole document


def read(layout: Layout) -> dict[str, dict[str, Any]]:
    """The definitions that the supervisor was given last; none where there is no document."""
    try:
        text = layout.processes_file.read_text()
    except FileNotFoundError:
        return {}
    content = yaml.load(text.replace("$$", "$"), Loader=yaml.CSafeLoader)
    found: dict[str, dict[str, Any]] = content["processes"]
    return found


def _everywhere(layout: Layout) -> dict[str, str]:
    return {
        "PYTHONPATH": str(layout.root),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # glibc's default, 8 a core, costs each threaded process tens of MiB
        "LANG": "C.UTF-8",
    }


class _Plain(yaml.CSafeDumper):
    """Writes repeated values out instead of pointing back to them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Processes:
    """Builds every process of one instance."""

    def __init__(
        self, catalog: Catalog, layout: Layout, platform: Platform, toolbox: Toolbox, stores: Stores
    ) -> None:
        self._catalog = catalog
        self._telemetry_stores = stores
        self._layout = layout
        self._platform = platform
        self._toolbox = toolbox
        self._site = Site.native(layout)

    def definitions(self) -> dict[str, dict[str, Any]]:
        """Every process as process-compose reads it, by name."""
        return self._documents(self.all())

    def spares(self) -> dict[str, dict[str, Any]]:
        """The spares, which run only while what they stand for is replaced, as process-compose reads them."""
        return self._documents([*self._spare_hops(), *map(self._spare_instance, self._catalog)])

    def _documents(self, processes: Iterable[Process]) -> dict[str, dict[str, Any]]:
        return {process.name: process.document(self._layout.logs, self._layout.root) for process in processes}

    def all(self) -> list[Process]:
        """Every process, in the order people think of them."""
        found = [*self._edges(), *self._own_hops(), *self._services(), *self._stores(), *self._telemetry()]
        return [*found, self._logrotate(), self._disk_limits()]

    # --- hops

    def _edges(self) -> Iterator[Process]:
        yield self._nginx(nginx.EDGE, "user load balancing, limits, bans", after={"gateway": STARTED})
        yield self._nginx(nginx.SERVICES, "load balancing over services, admission", after={})

    def _nginx(self, name: str, description: str, after: dict[str, str]) -> Process:
        site = self._site
        arguments = ["-e", str(nginx.error_log(site, name)), "-p", str(nginx.folder(site, name))]
        arguments += ["-c", str(nginx.configuration_file(site, name)), "-g", "daemon off;"]
        return Process(
            name,
            description,
            [str(self._toolbox.nginx), *arguments],
            ready=Probe(http=(site.reach(f"{name}-status"), "/status")),
            after=after | _TELEMETRY,
            stop_signal=signal.SIGQUIT,  # requests under way are finished
            stop_seconds=25,
        )

    def _own_hops(self) -> Iterator[Process]:
        yield self._gateway("gateway", 0)
        yield self._rio_api("rio-api", hops.rio_file(0))
        for number, name in enumerate(self._platform.rio.dispatcher_names):
            yield self._dispatcher(name, number, hops.rio_file(number))
        yield self._relay("relay")
        yield self._console()

    def _spare_hops(self) -> Iterator[Process]:
        yield self._gateway(spare_of("gateway"), hops.spare_gateways(self._platform)[0])
        yield self._rio_api(spare_of("rio-api"), f"{spare_of('rio-api')}.json")
        name = spare_of(DISPATCHER)
        yield self._dispatcher(name, hops.SPARE_DISPATCHER, f"{name}.json")
        yield self._relay(spare_of("relay"))

    def _gateway(self, name: str, first: int) -> Process:
        """first: which port of its block is its first process'."""
        return Process(
            name,
            "the public API",
            self._python("gateway"),
            environment.gateway(self._site, self._platform, name),
            self._ready(self._site.reach("gateway-metrics", first)),
            {nginx.SERVICES: STARTED} | _TELEMETRY,
            stop_seconds=40,  # longer than it drains
        )

    def _rio_api(self, name: str, file: str) -> Process:
        return Process(
            name,
            "accepts events",
            self._python("broker.rio"),
            environment.rio(self._site, self._platform, name, file),
            self._ready(self._site.reach(f"{name}-ready")),
            {"rabbitmq": HEALTHY, "databases": DONE} | _TELEMETRY,
            stop_seconds=20,
        )

    def _dispatcher(self, name: str, number: int, file: str) -> Process:
        return Process(
            name,
            "delivers events to webhooks",
            self._python("broker.rio.delivery"),
            environment.rio(self._site, self._platform, name, file),
            self._ready(self._site.reach(DISPATCHER, number)),
            {"rabbitmq": HEALTHY, nginx.SERVICES: STARTED, "databases": DONE} | _TELEMETRY,
            stop_seconds=20,
        )

    def _relay(self, name: str) -> Process:
        return Process(
            name,
            "ships events from outboxes to Rio",
            self._python("broker.outbox_relay"),
            environment.relay(self._site, self._platform, name),
            self._ready(self._site.reach(name)),
            {"databases": DONE} | _TELEMETRY,
            stop_seconds=20,
        )

    def _console(self) -> Process:
        """It has no spare: while it is replaced, its pages ask again."""
        return Process(
            "console",
            "pages over traces, logs, metrics, alerts and Rio",
            self._python("observability.console"),
            environment.console(self._site, self._platform),
            self._ready(self._site.reach("console")),
            _TELEMETRY,
        )

    def _services(self) -> Iterator[Process]:
        for service in self._catalog:
            if service.migrate:
                yield self._migration(service)
            for number in range(service.instances):
                yield self._instance(service, number)

    def _migration(self, service: Service) -> Process:
        return Process(
            f"{service.name}-migrate",
            f"brings the database of {service.name} up to date",
            self._command(service.migrate or ()),
            environment.service(self._site, self._platform, service, 0),
            after={"databases": DONE} | _TELEMETRY,
            one_shot=True,
        )

    def _instance(self, service: Service, number: int) -> Process:
        return self._serving(
            service,
            service.instance_names[number],
            environment.service(self._site, self._platform, service, number),
            self._site.reach_service(service, number),
        )

    def _spare_instance(self, service: Service) -> Process:
        variables = environment.spare(self._site, self._platform, service)
        return self._serving(service, spare_of(service.name), variables, self._site.spare_of(service))

    def _serving(
        self, service: Service, name: str, variables: environment.Environment, address: Address
    ) -> Process:
        before = {}
        if service.migrate:
            before = {f"{service.name}-migrate": DONE}
        elif service.database:
            before = {"databases": DONE}
        return Process(
            name,
            f"{service.description} ({service.framework})",
            self._command(service.command),
            variables,
            self._ready(address),
            before | ({"postgres": STARTED} if service.database else {}) | _TELEMETRY,
            stop_seconds=25,
        )

    # --- stores

    def _stores(self) -> Iterator[Process]:
        yield self._postgres()
        yield self._databases()
        yield self._epmd()
        yield self._rabbitmq()

    def _postgres(self) -> Process:
        address = self._site.reach("postgres")
        ready = f"'{self._toolbox.postgres_bin}/pg_isready' -q -h {address.host} -p {address.port}"
        configuration = self._site.config / "postgres" / "postgresql.conf"
        words = [str(self._toolbox.postgres_bin / "postgres"), "-D", str(self._site.data / "postgres")]
        return Process(
            "postgres",
            "the services' and Rio's databases",
            [*users.run_as(users.POSTGRES), *words, "-c", f"config_file={configuration}"],
            ready=self._awaited(ready),
            stop_signal=signal.SIGINT,  # fast shutdown: connections are ended, everything is written
            stop_seconds=30,
            whole_group=False,
        )

    def _databases(self) -> Process:
        script = self._site.config / "postgres" / "databases.sql"
        return Process(
            "databases",
            "makes roles and databases",
            [str(self._toolbox.postgres_bin / "psql"), "--no-psqlrc", "--quiet", "-f", str(script)],
            environment.databases(self._site),
            after={"postgres": HEALTHY},
            one_shot=True,
        )

    def _epmd(self) -> Process:
        address = self._site.listen("epmd")
        words = [str(self._toolbox.epmd), "-address", address.host, "-port", str(address.port)]
        return Process(
            "epmd",
            "Erlang's port mapper, for RabbitMQ",
            [*users.run_as(users.RABBITMQ), *words],
            # Asked in its own language: a connection that says nothing is an error to it.
            ready=self._awaited(f"'{self._toolbox.epmd}' -port {address.port} -names >/dev/null"),
        )

    def _rabbitmq(self) -> Process:
        return Process(
            "rabbitmq",
            "Rio's queues",
            [*users.run_as(users.RABBITMQ), str(self._toolbox.rabbitmq_server)],
            # The script then becomes the server instead of waiting for it as a child, so that the signal
            # reaches the server itself.
            rabbitmq.environment(self._site) | {"detached": "true"},
            # It listens for AMQP last of all.
            self._awaited(_accepts(self._site.reach("rabbitmq"))),
            {"epmd": HEALTHY},
            stop_seconds=40,
            whole_group=False,
        )

    # --- telemetry

    def _telemetry(self) -> Iterator[Process]:
        found = (self._collector(), self._jaeger(), self._loki(), self._prometheus(), self._alertmanager())
        yield from (process for process in found if self._telemetry_stores.runs(process.name))

    def _started(self, *stores: str) -> dict[str, str]:
        """The stores among these that the instance runs itself, which a process is started after."""
        return {name: STARTED for name in stores if self._telemetry_stores.runs(name)}

    def _collector(self) -> Process:
        return Process(
            "collector",
            "takes in all telemetry, queues it on disk",
            [
                *(str(self._toolbox.otelcol), "--config", self._observability("collector/collector.yaml")),
                *("--config", str(self._site.config / collector.FILE)),
            ],
            environment.collector(self._site, self._platform, self._telemetry_stores),
            Probe(http=(self._site.reach("collector-health"), "/")),
            self._started("jaeger", "loki"),
            program=identity(self._toolbox.otelcol),
            stop_seconds=20,
        )

    def _jaeger(self) -> Process:
        return Process(
            "jaeger",
            "keeps and serves traces",
            [
                *self._python("compose.disk_limits.jaeger_generations"),
                str(self._site.data / "jaeger"),
                *(str(self._toolbox.jaeger), "--config", self._observability("jaeger/jaeger.yaml")),
            ],
            environment.jaeger(self._site, self._platform),
            Probe(http=(self._site.reach("jaeger-health"), "/status")),
            program=identity(self._toolbox.jaeger),
            stop_seconds=20,
        )

    def _loki(self) -> Process:
        words = [str(self._toolbox.loki), f"-config.file={self._observability('loki/loki.yaml')}"]
        return Process(
            "loki",
            "keeps and serves logs",
            [*words, "-config.expand-env=true"],
            environment.loki(self._site, self._platform),
            Probe(http=(self._site.reach("loki"), "/ready")),
            program=identity(self._toolbox.loki),
            stop_seconds=30,
        )

    def _prometheus(self) -> Process:
        options = prometheus.options(
            self._site,
            self._telemetry_stores,
            retention_hours=self._platform.metrics_hours,
            retention_megabytes=self._platform.disk_megabytes.metrics,
            accepts_remote_write=self._platform.telemetry.accepts_remote_write,
        )
        is_agent = self._telemetry_stores.is_agent
        return Process(
            "prometheus",
            "sends metrics on" if is_agent else "keeps and serves metrics, evaluates alerts",
            [str(self._toolbox.prometheus), *(f"{n}={v}" if v else n for n, v in options.items())],
            environment.prometheus(self._site),
            Probe(http=(self._site.reach("prometheus"), "/-/ready")),
            after=self._started("alertmanager"),
            stop_seconds=20,
        )

    def _alertmanager(self) -> Process:
        options = {
            "--config.file": self._site.config / alertmanager.FILE,
            "--storage.path": self._site.data / "alertmanager",
            "--web.listen-address": self._site.listen("alertmanager"),
            # What notifications call it: the console has the page that Debian's has not.
            "--web.external-url": f"http://localhost:{self._site.listen('console').port}/alerts",
            "--web.route-prefix": "/",
            "--cluster.listen-address": "",  # alone
            "--log.format": "json",
        }
        return Process(
            "alertmanager",
            "routes alerts",
            [str(self._toolbox.alertmanager), *(f"{name}={value}" for name, value in options.items())],
            ready=Probe(http=(self._site.reach("alertmanager"), "/-/ready")),
        )

    def _logrotate(self) -> Process:
        rotate = f"'{self._toolbox.logrotate}' --state '{self._site.run / 'logrotate.state'}'"
        configuration = f"'{self._site.config / 'logrotate.conf'}'"
        loop = f"while sleep {_ROTATION_SECONDS}; do {rotate} {configuration} || true; done"
        return Process("logrotate", "rotates what nginx writes", ["bash", "-c", loop])

    def _disk_limits(self) -> Process:
        return Process(
            disk_limits.NAME,
            "keeps stores and log files within their sizes",
            [*self._python("compose.disk_limits"), str(self._site.config / disk_limits.FILE)],
            ready=Probe(http=(self._site.reach(disk_limits.NAME), "/metrics")),
        )

    # --- words

    def _python(self, module: str) -> list[str]:
        return [str(self._toolbox.python), "-m", module]

    def _command(self, words: Sequence[str]) -> list[str]:
        own = {"python": str(self._toolbox.python), "java": str(self._toolbox.java)}
        return [own.get(words[0], words[0]), *words[1:]]

    def _observability(self, file: str) -> str:
        return str(self._layout.root / OBSERVABILITY / file)

    @staticmethod
    def _ready(address: Address) -> Probe:
        return Probe(http=(address, "/health/ready"))

    @staticmethod
    def _awaited(condition: str) -> Probe:
        """Ready as soon as the bash `condition` holds: a try waits for it, so no part waits for a period."""
        command = f"until {condition} 2>/dev/null; do sleep 0.1; done"
        return Probe(command=command, delay_seconds=0, period_seconds=5, timeout_seconds=4)


def spare_of(name: str) -> str:
    """The process that serves while those of the hop or service `name` are replaced."""
    return f"{name}-spare"


def _accepts(address: Address) -> str:
    return f"(: </dev/tcp/{address.host}/{address.port})"
