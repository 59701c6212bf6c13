"""Environment variables of each process: addresses, names and paths of secrets, never a secret itself."""

from __future__ import annotations

from compose.cli import disk_limits, log_levels
from compose.cli.catalog import Service
from compose.cli.layout import LOOPBACK
from compose.cli.platform import FAST, Platform
from compose.cli.secrets import MONITOR, RELAY, RIO, SUPERUSER, Secrets
from compose.cli.site import Site
from compose.cli.stores import Store, Stores, headers_file
from compose.cli.version import version

Environment = dict[str, str]

#: Go's collector lets a heap double before it looks; a laptop would rather have the memory.
SMALL_HEAP = {"GOMEMLIMIT": "160MiB", "GOGC": "50"}


#: Of what the collector's queues may take, what waits for Jaeger, as much for Loki; their files take more.
_QUEUE_SHARE = 0.4


def telemetry(site: Site, instance_id: str) -> Environment:
    """Variables of every process of ours: its `instance_id`, such as `accounts-1`, and its collector."""
    return {
        "NEXTPHASE_INSTANCE": site.instance,
        "SERVICE_INSTANCE_ID": instance_id,
        "SERVICE_VERSION": version(),
        "OTEL_EXPORTER_OTLP_ENDPOINT": site.reach("collector-otlp-http").url,
        "FLUENT_ADDRESS": str(site.reach("collector-fluent")),
        "COLLECTOR_HEALTH_URL": f"{site.reach('collector-health').url}/",
    }


def hop(site: Site, platform: Platform, instance_id: str) -> Environment:
    """Variables of every hop: its telemetry, and its tracer where that is not the usual one."""
    chosen = {} if platform.tracer == FAST else {"NEXTPHASE_TRACER": platform.tracer}
    return telemetry(site, instance_id) | chosen | _log_levels(site)


def _log_levels(site: Site) -> Environment:
    """The file that `nextphase loglevel` writes; containers share none."""
    return {} if site.hosts else {"NEXTPHASE_LOG_LEVELS": str(site.run / log_levels.FILE)}


def service(site: Site, platform: Platform, service: Service, number: int) -> Environment:
    """Variables of instance `number` (from 0) of a service; of its migration with number 0."""
    address = site.listen_service(service, number)
    found = hop(site, platform, f"{service.name}-{number + 1}")
    found |= {
        "SERVICE_VERSION": service.version or version(),
        "HOST": address.host,
        "PORT": str(address.port),
        "RIO_URL": site.reach("rio-api").url,
        "RIO_TOKEN_FILE": str(Secrets(site.secrets).sender(service.name)),
        "MAX_BODY_BYTES": str(platform.edge.event_bytes),
    }
    if service.database:
        found |= database(site, service.name) | {
            "DATABASE_URL": database_url(site, service.name, service.name)
        }
    return found | dict(service.environment)


def spare(site: Site, platform: Platform, service_: Service) -> Environment:
    """Variables of the spare of a service."""
    own = {"PORT": str(site.spare_of(service_).port), "SERVICE_INSTANCE_ID": f"{service_.name}-spare"}
    return service(site, platform, service_, 0) | own


def gateway(site: Site, platform: Platform, process: str = "gateway") -> Environment:
    """Variables of `gateway` or its spare; its processes append their numbers to the instance id."""
    return hop(site, platform, process) | {"GATEWAY_CONFIG": str(site.config / f"{process}.json")}


def rio(site: Site, platform: Platform, process: str, config: str = "rio.json") -> Environment:
    """Variables of `rio-api` and the dispatchers; `config`: the file below the site's own."""
    return hop(site, platform, process) | database(site, RIO) | {"RIO_CONFIG": str(site.config / config)}


def relay(site: Site, platform: Platform, process: str = "relay") -> Environment:
    """Variables of the outbox relay or its spare."""
    config = str(site.config / f"{process}.json")
    return hop(site, platform, process) | database(site, RELAY) | {"RELAY_CONFIG": config}


def console(site: Site, platform: Platform) -> Environment:
    """Variables of the console."""
    return hop(site, platform, "console") | {"CONSOLE_CONFIG": str(site.config / "console.json")}


def databases(site: Site) -> Environment:
    """Variables of the psql that makes roles and databases."""
    address = site.reach("postgres")
    return database(site, SUPERUSER) | {
        "PGHOST": address.host,
        "PGPORT": str(address.port),
        "PGUSER": SUPERUSER,
        "PGDATABASE": SUPERUSER,
        "PGCONNECT_TIMEOUT": "10",
        "SECRETS": str(site.secrets),
    }


def database(site: Site, role: str) -> Environment:
    """How `role` finds its password."""
    return {"PGPASSFILE": str(Secrets(site.secrets).pgpass(role))}


def database_url(site: Site, role: str, name: str) -> str:
    """The database `name` as seen by `role`, without the password."""
    return f"postgresql://{role}@{site.reach('postgres')}/{name}"


def collector(site: Site, platform: Platform, stores: Stores) -> Environment:
    """The variables that the configuration in observability/collector/ refers to."""
    metrics = site.listen("collector-metrics")
    return {
        "COLLECTOR_QUEUE_BYTES": str(int(_QUEUE_SHARE * platform.disk_megabytes.telemetry_queues * 1024**2)),
        "GOMEMLIMIT": "160MiB",  # below what its memory_limiter refuses at
        "NO_PROXY": "*",  # a proxy for the outside world is not on the way to Jaeger and Loki
        "NEXTPHASE_INSTANCE": site.instance,
        "COLLECTOR_OTLP_GRPC": str(site.listen("collector-otlp-grpc")),
        "COLLECTOR_OTLP_HTTP": str(site.listen("collector-otlp-http")),
        "COLLECTOR_FLUENT": str(site.listen("collector-fluent")),
        "COLLECTOR_SPAN_METRICS": str(site.listen("collector-span-metrics")),
        "COLLECTOR_HEALTH": str(site.listen("collector-health")),
        "COLLECTOR_METRICS_HOST": metrics.host,
        "COLLECTOR_METRICS_PORT": str(metrics.port),
        "COLLECTOR_DATA_DIR": str(site.data / "collector"),
        **_sent("JAEGER", site, stores.spans),
        **_sent("LOKI", site, stores.lines),
        "LOG_DIR": str(site.logs),
        "NGINX_LOG_DIR": str(site.nginx_logs_of_both),
        "EDGE_STATUS_URL": f"{site.reach('edge-nginx-status').url}/status",
        "SERVICES_STATUS_URL": f"{site.reach('services-nginx-status').url}/status",
        "EDGE_URL": site.reach("edge-nginx").url,
        "POSTGRES_URL": database_url(site, MONITOR, SUPERUSER),
        **database(site, MONITOR),
    }


def prometheus(site: Site) -> Environment:
    """Variables of Prometheus: the addresses that its alerts link to.

    People follow the links on the machine itself, where the console is and, of containers, Grafana, which has
    the dashboards at the same addresses.
    """
    return {"CONSOLE_URL": f"http://{LOOPBACK}:{site.listen('console').port}"}


def _sent(name: str, site: Site, store: Store) -> Environment:
    """Where the collector sends to a store, and how."""
    return {
        f"{name}_OTLP_URL": str(store.url),
        f"{name}_HEADERS_FILE": str(headers_file(site.secrets, store)),
        # On one machine compression costs more than it gives.
        f"{name}_COMPRESSION": "none" if store.is_ours else "gzip",
    }


def jaeger(site: Site, platform: Platform) -> Environment:
    """The variables that the configuration in observability/jaeger/ refers to."""
    metrics = site.listen("jaeger-metrics")
    return {
        **SMALL_HEAP,
        # Each of its two stores has 80 MiB for what it writes next, most of it never touched; with less, the
        # collector of garbage runs all the time.
        "GOMEMLIMIT": "320MiB",
        "JAEGER_OTLP": str(site.listen("jaeger-otlp")),
        "JAEGER_QUERY_HTTP": str(site.listen("jaeger")),
        "JAEGER_QUERY_GRPC": str(site.listen("jaeger-grpc")),
        "JAEGER_HEALTH": str(site.listen("jaeger-health")),
        "JAEGER_METRICS_HOST": metrics.host,
        "JAEGER_METRICS_PORT": str(metrics.port),
        "JAEGER_DATA_DIR": str(site.data / "jaeger"),
        "JAEGER_RETENTION": f"{platform.traces_hours}h",
    }


def loki(site: Site, platform: Platform) -> Environment:
    """The variables that the configuration in observability/loki/ refers to."""
    address = site.listen("loki")
    return {
        **SMALL_HEAP,
        "LOKI_HOST": address.host,
        "LOKI_HTTP_PORT": str(address.port),
        "LOKI_GRPC_PORT": str(site.listen("loki-grpc").port),
        "LOKI_DATA_DIR": str(site.data / "loki"),
        "LOKI_RETENTION": f"{platform.logs_hours}h",
        "LOKI_OVERRIDES": str(site.data / disk_limits.LOKI_OVERRIDES) if site.hosts is None else "",
    }
