"""What the environment tells a hop about itself and about where its telemetry goes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """The environment is wrong; the message names every variable at fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A hop's identity and the addresses of the collector."""

    service: str
    instance_id: str
    environment: str
    otlp_endpoint: str
    fluent_host: str
    fluent_port: int
    collector_health_url: str

    @classmethod
    def from_env(cls, service: str, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read NEXTPHASE_INSTANCE, SERVICE_INSTANCE_ID, OTEL_EXPORTER_OTLP_ENDPOINT, FLUENT_ADDRESS and
        COLLECTOR_HEALTH_URL; what is not set has the value of a default instance.

        Raises:
            SettingsError: one or more of them cannot be used.
        """
        faults: list[str] = []
        fluent = environ.get("FLUENT_ADDRESS", "127.0.0.1:24224")
        host, _, port = fluent.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            faults.append(f"FLUENT_ADDRESS: {fluent!r} is not host:port")
        otlp = _url(environ, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", faults)
        health = _url(environ, "COLLECTOR_HEALTH_URL", "http://127.0.0.1:13133/", faults)
        if faults:
            raise SettingsError("; ".join(faults))
        return cls(
            service=service,
            instance_id=environ.get("SERVICE_INSTANCE_ID") or service,
            environment=environ.get("NEXTPHASE_INSTANCE") or "default",
            otlp_endpoint=otlp.rstrip("/"),
            fluent_host=host,
            fluent_port=int(port),
            collector_health_url=health,
        )


def _url(environ: Mapping[str, str], name: str, default: str, faults: list[str]) -> str:
    value = environ.get(name, default)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        faults.append(f"{name}: {value!r} is not an http(s) URL")
    return value
