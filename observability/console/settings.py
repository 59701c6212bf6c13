"""The console's configuration."""

from pathlib import Path
from typing import Final

from pydantic import Field

from observability.configuration import HttpUrl, Port, Strict, read_secret

RUNBOOK: Final = Path(__file__).parents[2] / "docs" / "operate.md"


class Stores(Strict):
    """Base URLs of what the console reads; a URL may have a path in front of the store's own."""

    prometheus: HttpUrl
    loki: HttpUrl
    jaeger: HttpUrl
    alertmanager: HttpUrl
    rio: HttpUrl
    gateway: HttpUrl


class Settings(Strict):
    """What CONSOLE_CONFIG holds; the token stays in the file it names.

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
        runbook: the document whose sections the alerts' `runbook` annotations name.
        rio_token_file: the token of Rio's read-only sender.
        operator_token_file: the token of Rio's operator, read only to act in operate mode; None where nobody
            acts on Rio from here.
        operate_folder: where `nextphase console --operate` asks for operate mode, a folder of this process's
            user alone; None where there is no operate mode.
        show_payloads: whether event bodies are shown to everyone who reaches the console.
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
    runbook: Path = RUNBOOK
    rio_token_file: Path
    operator_token_file: Path | None = None
    operate_folder: Path | None = None
    show_payloads: bool = False

    def rio_token(self) -> str:
        """The token the console reads Rio with, or raise ConfigurationError."""
        return read_secret(self.rio_token_file)
