"""Where spans are sent, and how: the variables of OpenTelemetry's OTLP exporter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_CERTIFICATE,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
    OTEL_EXPORTER_OTLP_CLIENT_KEY,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
)
from opentelemetry.util.re import parse_env_headers


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """traces_url: of an OTLP/HTTP receiver. headers: of every request.

    certificate: file of the authorities that its certificate is checked by; None for those that Python has.
    client_certificate, client_key: files of what this process shows of itself; without `client_key` the key
    is in the certificate's file.
    """

    traces_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str], faults: list[str]) -> OtlpSettings | None:
        """None where no address is given. What cannot be used is added to `faults`.

        Of each variable that of traces (`OTEL_EXPORTER_OTLP_TRACES_*`) comes first. Its address is taken as
        it is; the address for all signals is the one that `/v1/traces` is below.
        """
        base = url(environ, OTEL_EXPORTER_OTLP_ENDPOINT, faults)
        traces = url(environ, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, faults)
        certificate = _file(environ, OTEL_EXPORTER_OTLP_CERTIFICATE, faults)
        client_certificate = _file(environ, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, faults)
        client_key = _file(environ, OTEL_EXPORTER_OTLP_CLIENT_KEY, faults)
        if client_key and not client_certificate:
            faults.append(
                f"{OTEL_EXPORTER_OTLP_CLIENT_KEY}: {OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE} is not set"
            )
        if traces is None and base is not None:
            traces = f"{base.rstrip('/')}/v1/traces"
        if traces is None:
            return None
        headers = parse_env_headers(_value(environ, OTEL_EXPORTER_OTLP_HEADERS)[1], liberal=True)
        return cls(traces, headers, certificate, client_certificate, client_key)


def url(environ: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    """The HTTP(S) URL that a variable has; None where it is not set. What is none is added to `faults`."""
    value = environ.get(name)
    if not value:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        faults.append(f"{name}: {value!r} is not an http(s) URL")
    return value


def _file(environ: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    found, value = _value(environ, name)
    if value and not Path(value).is_file():
        faults.append(f"{found}: there is no file {value!r}")
    return value or None


def _value(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name and value of the variable for traces, if it is set, else of that for all signals."""
    of_traces = name.replace("_OTLP_", "_OTLP_TRACES_")
    if value := environ.get(of_traces):
        return of_traces, value
    return name, environ.get(name, "")
