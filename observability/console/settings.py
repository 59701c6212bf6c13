"""The console's configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, TypeAdapter, ValidationError

from observability.configuration.errors import ConfigurationError
from observability.configuration.strict import HttpUrl, Port, Strict, read_secret

_HEADERS: Final = TypeAdapter(dict[str, str])
RUNBOOK: Final = Path(__file__).parents[2] / "docs" / "operate.md"


class Stores(Strict):
    """Base URLs of what the console reads; a URL may have a path in front of the store's own.

    None where traces or alerts go to a place that they cannot be read from.
    """

    prometheus: HttpUrl
    loki: HttpUrl
    jaeger: HttpUrl | None
    alertmanager: HttpUrl | None
    rio: HttpUrl
    gateway: HttpUrl


class Settings(Strict):
    """The content of CONSOLE_CONFIG; the token stays in the file that it names.

    Attributes:
        instance: name of the platform's instance.
        host, port: where the console listens.
        hosts: the values of Host it answers to, `host:port`; any other is refused (DNS rebinding).
        bundle: the folder of the built front end.
        dashboards: the folder of the generated Grafana dashboards.
        catalog_file: what the catalog says of services, hops, events and permitted calls, as JSON.
        supervisor_socket: the unix socket of process-compose; None where another program runs the processes.
        deployments_file: what was done to the instance, a JSON document a line (compose/cli/deployments.py);
            None where nothing writes that down.
        existing_stores: those that are not the instance's own.
        store_headers_files: files with the headers that a store asks for, by the store's name: a JSON object.
        runbook: the document whose sections the alerts' `runbook` annotations name.
        rio_token_file: the token of Rio's read-only sender.
        operator_token_file: the token of Rio's operator, read only to act in operate mode; None if the
            console does not act on Rio.
        operate_folder: where `nextphase console --operate` asks for operate mode, a folder of this process's
            user alone; None where there is no operate mode.
        show_payloads: whether event bodies are shown to everyone who reaches the console.
        stored_share: of the traces of a route, the least that is stored of any.
    """

    instance: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: Port
    hosts: tuple[str, ...] = Field(min_length=1)
    bundle: Path
    dashboards: Path
    catalog_file: Path
    supervisor_socket: Path | None = None
    deployments_file: Path | None = None
    stores: Stores
    existing_stores: frozenset[str] = frozenset()
    store_headers_files: Mapping[str, Path] = Field(default_factory=dict)
    runbook: Path = RUNBOOK
    rio_token_file: Path
    operator_token_file: Path | None = None
    operate_folder: Path | None = None
    show_payloads: bool = False
    stored_share: float = Field(1.0, ge=0, le=1)

    def rio_token(self) -> str:
        """The token the console reads Rio with, or raise ConfigurationError."""
        return read_secret(self.rio_token_file)

    def store_headers(self) -> dict[str, dict[str, str]]:
        """The headers that every request to a store carries, by store.

        Raises:
            ConfigurationError: a file cannot be read, or is not an object of headers.
        """
        found = {}
        for store, file in self.store_headers_files.items():
            try:
                found[store] = _HEADERS.validate_json(read_secret(file))
            except ValidationError:
                raise ConfigurationError(
                    f"{file}: is not an object of headers"
                ) from None  # its text has them
        return found
