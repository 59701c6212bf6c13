"""Where the parts of an instance listen, find each other and keep their files.

That is the one thing that differs between a native instance and containers: every generator asks a Site and
is the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple

from compose.cli import users
from compose.cli.catalog import Service
from compose.cli.layout import LOOPBACK, PORTS, SPARE_SHIFT, Layout


class Address(NamedTuple):
    """A host and a port; prints as `host:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as an HTTP base URL."""
        return f"http://{self}"


@dataclass(frozen=True)
class Site:
    """One place an instance runs in.

    instance: its name. offset: added to every port. bind: the host parts listen on. hosts: container of each
    part that is not called like its port; None where all parts share `bind`. config, secrets, data, logs,
    run: the instance's folders as its processes see them. nginx_user: the user of nginx workers, None for the
    caller. resolver: the DNS server that knows the others' addresses, None where all are numbers.
    """

    instance: str
    offset: int
    bind: str
    hosts: Mapping[str, str] | None
    config: PurePath
    secrets: PurePath
    data: PurePath
    logs: PurePath
    run: PurePath
    nginx_user: str | None
    resolver: str | None

    @classmethod
    def native(cls, layout: Layout) -> Site:
        """Processes of this machine, on the loopback interface."""
        return cls(
            instance=layout.instance,
            offset=layout.offset,
            bind=LOOPBACK,
            hosts=None,
            config=layout.config,
            secrets=layout.secrets,
            data=layout.data,
            logs=layout.logs,
            run=layout.run,
            nginx_user=users.nginx_user(),
            resolver=None,
        )

    @classmethod
    def containers(cls, instance: str) -> Site:
        """One container a process, found by name, on the same ports as the default native instance."""
        return cls(
            instance=instance,
            offset=0,
            bind="0.0.0.0",
            hosts=_CONTAINERS,
            config=PurePath("/etc/nextphase"),
            secrets=PurePath("/run/secrets/nextphase"),
            data=PurePath("/var/lib/nextphase"),
            logs=PurePath("/var/log/nextphase"),
            run=PurePath("/run/nextphase"),
            nginx_user=None,
            resolver="127.0.0.11",  # Docker's own, in every container
        )

    def listen(self, part: str, number: int = 0) -> Address:
        """Where `part` (see layout.PORTS) binds; `number` counts within a block of ports, from 0."""
        return Address(self.bind, PORTS[part] + number + self.offset)

    def reach(self, part: str, number: int = 0) -> Address:
        """Where the others find `part`."""
        host = self.bind if self.hosts is None else self.hosts.get(part, part)
        return Address(host, PORTS[part] + number + self.offset)

    def listen_service(self, service: Service, number: int) -> Address:
        """Where instance `number` (from 0) of a service binds."""
        return Address(self.bind, service.ports[number] + self.offset)

    def reach_service(self, service: Service, number: int) -> Address:
        """Where services nginx and Prometheus find instance `number` (from 0) of a service."""
        host = self.bind if self.hosts is None else service.instance_names[number]
        return Address(host, service.ports[number] + self.offset)

    def spare_of(self, service: Service) -> Address:
        """Where the spare of a service listens: the instance that serves while others are replaced.

        Only natively: in containers the engine replaces them.
        """
        return Address(self.bind, service.port + SPARE_SHIFT + self.offset)

    @property
    def has_console(self) -> bool:
        """Whether the console always runs; in containers it runs with the profile `console` only."""
        return self.hosts is None

    @property
    def nginx_logs(self) -> PurePath:
        """The folder of both nginx's logs, which the collector and logrotate read."""
        return self.logs / "nginx"

    @property
    def nginx_logs_of_both(self) -> PurePath:
        """The same for the collector: a glob in containers, where each nginx has a volume of its own."""
        return self.nginx_logs if self.hosts is None else self.nginx_logs / "*"


_CONTAINERS = MappingProxyType(
    {
        "edge-nginx-status": "edge-nginx",
        "services-nginx-status": "services-nginx",
        "gateway-metrics": "gateway",
        "rabbitmq-prometheus": "rabbitmq",
        "rabbitmq-distribution": "rabbitmq",
        "epmd": "rabbitmq",
        "loki-grpc": "loki",
        "jaeger-grpc": "jaeger",
        "jaeger-otlp": "jaeger",
        "jaeger-metrics": "jaeger",
        "jaeger-health": "jaeger",
        "collector-otlp-grpc": "collector",
        "collector-otlp-http": "collector",
        "collector-fluent": "collector",
        "collector-span-metrics": "collector",
        "collector-metrics": "collector",
        "collector-health": "collector",
    }
)
