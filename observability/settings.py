"""A hop's settings from the environment: its name, and where its telemetry is sent."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from opentelemetry.sdk.environment_variables import (
    OTEL_RESOURCE_ATTRIBUTES,
    OTEL_SDK_DISABLED,
    OTEL_SERVICE_NAME,
)

from observability.exporter.settings import OtlpSettings, url
from observability.version import VERSION

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
        version: of the service; where nothing tells it, the platform's.
        attributes: further ones of its resource.
        is_disabled: no spans are made, and no telemetry is sent.
    """

    service: str
    instance_id: str
    environment: str
    otlp: OtlpSettings | None
    fluent_address: tuple[str, int] | None
    collector_health_url: str | None
    tracer: str = "fast"
    log_levels: Path | None = None
    version: str = VERSION
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_disabled: bool = False

    @classmethod
    def from_env(cls, service: str, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables that docs/telemetry.md and docs/add-a-service.md list.

        Args:
            service: the name where no variable gives another.

        Raises:
            SettingsError: one or more of them cannot be used.
        """
        faults: list[str] = []
        fluent = _address(environ, "FLUENT_ADDRESS", faults)
        otlp = OtlpSettings.from_env(environ, faults)
        health = url(environ, "COLLECTOR_HEALTH_URL", faults)
        tracer = environ.get("NEXTPHASE_TRACER") or "fast"
        if tracer not in TRACERS:
            faults.append(f"NEXTPHASE_TRACER: {tracer!r} is none of {', '.join(TRACERS)}")
        if faults:
            raise SettingsError("; ".join(faults))
        attributes = _attributes(environ)
        name = environ.get(OTEL_SERVICE_NAME) or attributes.get("service.name") or service
        is_disabled = environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true"
        return cls(
            service=name,
            instance_id=environ.get("SERVICE_INSTANCE_ID") or attributes.get("service.instance.id") or name,
            environment=environ.get("NEXTPHASE_INSTANCE")
            or attributes.get("deployment.environment.name")
            or "default",
            otlp=None if is_disabled else otlp,
            fluent_address=None if is_disabled else fluent,
            collector_health_url=None if is_disabled else health,
            tracer=tracer,
            log_levels=Path(levels) if (levels := environ.get("NEXTPHASE_LOG_LEVELS")) else None,
            version=environ.get("SERVICE_VERSION") or attributes.get("service.version") or VERSION,
            attributes=attributes,
            is_disabled=is_disabled,
        )


def _attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of OTEL_RESOURCE_ATTRIBUTES: `key=value`, percent-encoded, between commas."""
    pairs = [item.partition("=") for item in environ.get(OTEL_RESOURCE_ATTRIBUTES, "").split(",")]
    return {key.strip(): unquote(value.strip()) for key, is_pair, value in pairs if is_pair and key.strip()}


def _address(environ: Mapping[str, str], name: str, faults: list[str]) -> tuple[str, int] | None:
    value = environ.get(name)
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        faults.append(f"{name}: {value!r} is not host:port")
        return None
    return host, int(port)
