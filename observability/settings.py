"""A hop's settings from the environment: its name, and where its telemetry is sent."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

TRACERS = ("fast", "sdk")


class SettingsError(ValueError):
    """The environment is wrong; the message names every variable at fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A hop's identity, and the addresses of the collector. Where an address is None, that telemetry is sent
    nowhere, so that a test or a tool beside a running instance writes nothing into it.

    Attributes:
        log_levels: the file of levels that change while the process runs; None where there is none.
        tracer: makes the hop's own spans: `fast`, that of `observability.tracer`, or `sdk`.
    """

    service: str
    instance_id: str
    environment: str
    otlp_endpoint: str | None
    fluent_address: tuple[str, int] | None
    collector_health_url: str | None
    tracer: str = "fast"
    log_levels: Path | None = None

    @classmethod
    def from_env(cls, service: str, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read NEXTPHASE_INSTANCE, SERVICE_INSTANCE_ID, OTEL_EXPORTER_OTLP_ENDPOINT, FLUENT_ADDRESS,
        COLLECTOR_HEALTH_URL, NEXTPHASE_TRACER and NEXTPHASE_LOG_LEVELS.

        Raises:
            SettingsError: one or more of them cannot be used.
        """
        faults: list[str] = []
        fluent = _address(environ, "FLUENT_ADDRESS", faults)
        otlp = _url(environ, "OTEL_EXPORTER_OTLP_ENDPOINT", faults)
        health = _url(environ, "COLLECTOR_HEALTH_URL", faults)
        tracer = environ.get("NEXTPHASE_TRACER") or "fast"
        if tracer not in TRACERS:
            faults.append(f"NEXTPHASE_TRACER: {tracer!r} is none of {', '.join(TRACERS)}")
        if faults:
            raise SettingsError("; ".join(faults))
        return cls(
            service=service,
            instance_id=environ.get("SERVICE_INSTANCE_ID") or service,
            environment=environ.get("NEXTPHASE_INSTANCE") or "default",
            otlp_endpoint=otlp.rstrip("/") if otlp else None,
            fluent_address=fluent,
            collector_health_url=health,
            tracer=tracer,
            log_levels=Path(levels) if (levels := environ.get("NEXTPHASE_LOG_LEVELS")) else None,
        )


def _address(environ: Mapping[str, str], name: str, faults: list[str]) -> tuple[str, int] | None:
    value = environ.get(name)
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        faults.append(f"{name}: {value!r} is not host:port")
        return None
    return host, int(port)


def _url(environ: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    value = environ.get(name)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        faults.append(f"{name}: {value!r} is not an http(s) URL")
    return value
