"""Where an instance's telemetry is sent and where it is read: in its own stores, or in existing ones that
`telemetry:` in compose/platform.yaml names in their place.

Whatever reads telemetry (`trace`, the console, `up`) takes the addresses from here. What an existing store
asks of its clients is in a file of headers; it is passed on in files below the instance's secrets, never in a
command, an environment or the configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from compose.cli import files
from compose.cli.platform import External, Platform, refused
from compose.cli.site import Site

NO_HEADERS = PurePath("/dev/null")
_MOST_BYTES = 64 * 1024
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)[ \t]*")  # RFC 9110
_AUTHORIZATION = "authorization"
_TENANT = "x-scope-orgid"
_POSSIBLE = {"prometheus": (_AUTHORIZATION, _TENANT), "alertmanager": (_AUTHORIZATION,)}
_SAID = {"prometheus": "Authorization and X-Scope-OrgID", "alertmanager": "Authorization"}


@dataclass(frozen=True)
class Store:
    """A store as its clients see it.

    url: base URL, which may have a path; None where telemetry of this kind cannot be read from here. is_ours:
    whether it is a process of the instance. headers: what its clients send with every request.
    """

    name: str
    url: str | None
    is_ours: bool = True
    headers: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Stores:
    """spans, lines: where the collector sends traces and logs, by OTLP over HTTP. samples: where Prometheus
    writes all metrics, None where it keeps them itself. jaeger, loki, prometheus, alertmanager: where traces,
    logs, metrics and alerts are read. grafana: base URL of an existing one, which has the dashboards."""

    spans: Store
    lines: Store
    samples: Store | None
    jaeger: Store
    loki: Store
    prometheus: Store
    alertmanager: Store
    grafana: str | None = None

    @classmethod
    def own(cls, site: Site) -> Stores:
        """The stores of the instance itself."""
        jaeger, loki, prometheus, alertmanager = (
            Store(name, site.reach(name).url) for name in ("jaeger", "loki", "prometheus", "alertmanager")
        )
        spans, lines = Store("jaeger", site.reach("jaeger-otlp").url), Store("loki", _otlp(loki))
        return cls(spans, lines, None, jaeger, loki, prometheus, alertmanager)

    @classmethod
    def of(cls, root: Path, platform: Platform, site: Site) -> Stores:
        """The stores that the platform's settings name, else the instance's own.

        Raises Refused where a file of headers cannot be read or used.
        """
        own, external = cls.own(site), platform.telemetry
        loki = _named(root, "loki", external.loki) or own.loki
        prometheus = _named(root, "prometheus", external.prometheus) or own.prometheus
        jaeger = _named(root, "jaeger", external.jaeger)
        alertmanager = _named(root, "alertmanager", external.alertmanager)
        spans = _named(root, "otlp", external.otlp)
        if spans and not jaeger:
            jaeger = Store("jaeger", None, is_ours=False)
        if not prometheus.is_ours and not alertmanager:
            alertmanager = Store("alertmanager", None, is_ours=False)
        return cls(
            spans=spans or own.spans,
            lines=Store("loki", _otlp(loki), loki.is_ours, loki.headers),
            samples=_samples(external.prometheus, prometheus),
            jaeger=jaeger or own.jaeger,
            loki=loki,
            prometheus=prometheus,
            alertmanager=alertmanager or own.alertmanager,
            grafana=external.grafana.url if external.grafana else None,
        )

    @property
    def is_agent(self) -> bool:
        """Whether our Prometheus only scrapes and sends on: it answers no query and evaluates no rule."""
        return self.samples is not None

    @property
    def existing(self) -> list[Store]:
        """Every store that is not a process of the instance, and can be reached."""
        found = (self.spans, self.jaeger, self.loki, self.samples, self.prometheus, self.alertmanager)
        return [store for store in found if store and not store.is_ours and store.url]

    def runs(self, name: str) -> bool:
        """Whether the process `name` is part of the instance: our Jaeger, Loki or Alertmanager may not be."""
        replaceable = {"jaeger": self.spans, "loki": self.loki, "alertmanager": self.alertmanager}
        return name not in replaceable or replaceable[name].is_ours

    def differences(self) -> Iterator[str]:
        """The differences from an instance that runs all stores itself, a line each, for people."""
        if not self.spans.is_ours:
            yield f"Jaeger is not started: spans go to {self.spans.url}, {_read(self.jaeger)}"
        if not self.loki.is_ours:
            yield f"Loki is not started: log lines go to {self.lines.url}, {_read(self.loki)}"
        if self.samples:
            yield f"Prometheus is an agent: metrics go to {self.samples.url}, {_read(self.prometheus)}"
            yield "no alert rule is evaluated here: load observability/prometheus/rules there"
        if not self.alertmanager.is_ours:
            where = self.alertmanager.url
            alerts = f"alerts are in {where}" if where else "nothing here tells it of alerts"
            yield f"Alertmanager is not started: {alerts}"
        if self.grafana:
            yield f"dashboards are in {self.grafana}: import dashboards/generated there"


def _named(root: Path, name: str, external: External | None) -> Store | None:
    if external is None:
        return None
    headers = read_headers(root, name, external.headers_file) if external.headers_file else None
    return Store(name, external.url, is_ours=False, headers=headers)


def _samples(external: External | None, prometheus: Store) -> Store | None:
    if external is None:
        return None
    return Store("prometheus", external.remote_write_url, is_ours=False, headers=prometheus.headers)


def _otlp(loki: Store) -> str:
    return f"{loki.url}/otlp"


def _read(store: Store) -> str:
    return f"read from {store.url}" if store.url else "and cannot be read from here"


# --- headers


def read_headers(root: Path, name: str, file: Path) -> dict[str, str]:
    """The headers that `telemetry.<name>.headers_file` holds, a line `Name: value` each; empty lines and
    comments (#) do not count. Raises Refused, which never shows what the file holds."""
    where = ("telemetry", name, "headers_file")
    try:
        text = _read_text(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise refused(root, where, f"{file}: {reason}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _HEADER.fullmatch(line)
        if not match:
            raise refused(root, where, f"{file}: line {number} is not `Name: value`")
        if match[1].lower() not in _POSSIBLE.get(name, (match[1].lower(),)):
            raise refused(root, where, f"{file}: line {number}: {name} can be sent {_SAID[name]} alone")
        found[match[1]] = match[2]
    return found


def _read_text(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"is longer than {_MOST_BYTES} bytes")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise ValueError("is not ASCII") from error


def headers_file(secrets: PurePath, store: Store) -> PurePath:
    """Where the collector and the console find the headers that a store asks for, as JSON."""
    return secrets / "stores" / f"{store.name}.json" if store.headers else NO_HEADERS


def credentials_file(secrets: PurePath, store: Store) -> PurePath:
    """Where Prometheus finds the credentials that a store asks for."""
    return secrets / "stores" / f"{store.name}.credentials"


def authorization(store: Store) -> tuple[str, str] | None:
    """Scheme and credentials of the Authorization header that a store asks for."""
    headers = {name.lower(): value for name, value in (store.headers or {}).items()}
    if _AUTHORIZATION not in headers:
        return None
    scheme, _, credentials = headers[_AUTHORIZATION].partition(" ")
    return scheme, credentials.strip()


def tenant(store: Store) -> str | None:
    """The tenant that a store is told, which is no secret."""
    headers = {name.lower(): value for name, value in (store.headers or {}).items()}
    return headers.get(_TENANT)


def write_secrets(folder: Path, stores: Stores) -> None:
    """Writes what collector, Prometheus and console read of headers below the instance's secrets, mode 0600;
    removes what no store asks for any more."""
    files.make_folder(folder / "stores", 0o700)
    wanted: dict[Path, str] = {}
    read = (stores.jaeger, stores.prometheus, stores.alertmanager)
    for store in (stores.spans, stores.lines, *read):
        if store.headers:
            wanted[Path(headers_file(folder, store))] = json.dumps(store.headers) + "\n"
    for store in filter(None, (stores.samples, stores.alertmanager)):
        if found := authorization(store):
            wanted[Path(credentials_file(folder, store))] = found[1] + "\n"
    for path, content in wanted.items():
        files.write(path, content, 0o600)
    for path in set((folder / "stores").iterdir()) - wanted.keys():
        path.unlink()
