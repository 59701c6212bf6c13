"""Rio's configuration."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from observability.configuration.strict import AmqpUrl, HttpUrl, Port, PostgresUrl, Strict, read_secret


class Address(Strict):
    """Where a process listens."""

    host: str = Field(min_length=1)
    port: Port


class Declared(Strict):
    """A subscription of the catalog."""

    id: str
    types: list[str]
    sink: str
    source: str | None = None
    filters: list[dict[str, Any]] = Field(default_factory=list)
    config: dict[str, Any] = Field(default_factory=dict)
    owner: str = ""
    """The service that declares it."""


class FlowStep(Strict):
    """An event of one of `types` has to come, at most so long after the step before."""

    types: list[str] = Field(min_length=1)
    within_seconds: float = Field(gt=0)

    @property
    def name(self) -> str:
        """The types in words, as metrics and log lines have them."""
        return " or ".join(self.types)


class FlowRule(Strict):
    """A rule of what has to follow each event of the type `begins`, in events of the same subject."""

    name: str = Field(min_length=1)
    begins: str
    steps: list[FlowStep] = Field(min_length=1)
    broken_after_seconds: float = Field(gt=0)
    """A flow that has not ended so long after it began is broken."""


class Sinks(Strict):
    """Which sinks outside the platform events may be posted to."""

    allowed: list[str] = Field(default_factory=list)
    """Networks, addresses and host names that are not public but permitted."""


class AgeAndSize(Strict):
    """Bounds of a log: what is older, or beyond the size, is deleted."""

    age_seconds: int = Field(ge=1)
    megabytes: int = Field(ge=1)


class AgeAndRows(Strict):
    """Bounds of a table: rows that are older, or beyond the number, are deleted."""

    age_seconds: int = Field(ge=1)
    rows: int = Field(ge=1)


class SenderEntry(Strict):
    """The rights of a sender of the catalog; its token is in senders_file."""

    types: list[str] = Field(default_factory=list)
    """Patterns of the event types it may emit."""
    reads: list[str] = Field(default_factory=list)
    """Patterns of the event types it may subscribe to and tail."""
    egress: list[str] = Field(default_factory=list)
    """Hosts outside the platform that its subscriptions may post to."""
    sources: list[str] = Field(default_factory=list)
    """CloudEvents sources it may use beside `/<name>`."""
    rate_per_second: float | None = Field(default=None, gt=0)
    admin: bool = False
    relays: bool = False
    """Whether it may emit on behalf of a service, with that service's rights."""
    viewer: bool = False
    """Whether it may see everything but secrets, and change nothing; it has no other right."""

    @model_validator(mode="after")
    def _only_a_viewer(self) -> Self:
        if self.viewer and self.model_fields_set != {"viewer"}:
            raise ValueError("a viewer may have no other right")
        return self


class Catalog(Strict):
    """The services' part of Rio's configuration, read again when its file changes."""

    senders: dict[str, SenderEntry] = Field(default_factory=dict)
    """A token without an entry is refused."""
    emitters: dict[str, list[str]] = Field(default_factory=dict)
    """Which types each service declares to emit."""
    schemas: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """JSON Schema (2020-12) of the data, by event type."""
    subscriptions: list[Declared] = Field(default_factory=list)
    flows: list[FlowRule] = Field(default_factory=list)

    @property
    def types(self) -> set[str]:
        """The event types that services declare."""
        return self.schemas.keys() | {type_ for types in self.emitters.values() for type_ in types}


class Settings(Strict):
    """The content of RIO_CONFIG; secrets stay in the files that it names."""

    api: Address
    api_ready: Address | None = None
    """Where the API serves its health besides: processes that share its own address can only be told apart
    there."""
    dispatcher: Address
    amqp_url: AmqpUrl
    amqp_password_file: Path
    database_url: PostgresUrl
    services_url: HttpUrl
    credential_file: Path
    catalog_file: Path
    """Holds a `Catalog`."""
    senders_file: Path
    """The tokens of the catalog's senders: a JSON object by sender name."""
    max_body_bytes: int = Field(ge=1024, le=64 * 1024 * 1024)
    webhook_key_file: Path
    """Holds the key from which all subscriptions' signing secrets are derived."""
    sinks: Sinks = Sinks()
    deduplication_seconds: int = Field(default=86400, ge=60)
    """How long a sender's (source, id) is remembered."""
    event_log: AgeAndSize = AgeAndSize(age_seconds=7 * 86400, megabytes=512)
    dead_letters: AgeAndSize = AgeAndSize(age_seconds=30 * 86400, megabytes=512)
    deliveries: AgeAndRows = AgeAndRows(age_seconds=86400, rows=200_000)
    waiting_megabytes: int = Field(default=256, ge=1)
    """How much may wait for a subscription that is paused or whose sink fails; beyond it the oldest events
    become dead letters."""

    def amqp_password(self) -> str:
        """RabbitMQ's password, or raise ConfigurationError."""
        return read_secret(self.amqp_password_file)

    def credential(self) -> str:
        """The credential by which services nginx admits Rio.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        return read_secret(self.credential_file)

    def webhook_key(self) -> str:
        """The master key of the signing secrets, or raise ConfigurationError."""
        return read_secret(self.webhook_key_file)
