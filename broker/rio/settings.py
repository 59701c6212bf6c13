"""Rio's configuration."""

from pathlib import Path

from pydantic import Field

from broker.configuration import AmqpUrl, HttpUrl, Port, PostgresUrl, Strict, read_secret


class Address(Strict):
    """Where a process listens."""

    host: str = Field(min_length=1)
    port: Port


class Declared(Strict):
    """A subscription that exists from the first start on, before its service has registered it."""

    id: str
    types: list[str]
    sink: str


class AgeAndSize(Strict):
    """What is older, or more, is dropped."""

    age_seconds: int = Field(ge=1)
    megabytes: int = Field(ge=1)


class AgeAndRows(Strict):
    """What is older, or more, is dropped."""

    age_seconds: int = Field(ge=1)
    rows: int = Field(ge=1)


class Settings(Strict):
    """What RIO_CONFIG holds; secrets stay in the files it names."""

    api: Address
    dispatcher: Address
    amqp_url: AmqpUrl
    amqp_password_file: Path
    database_url: PostgresUrl
    services_url: HttpUrl
    credential_file: Path
    senders_file: Path
    max_body_bytes: int = Field(ge=1024, le=64 * 1024 * 1024)
    subscriptions: list[Declared]
    emitters: dict[str, list[str]] = Field(default_factory=dict)
    """Which types each service declares to emit."""
    event_log: AgeAndSize = AgeAndSize(age_seconds=7 * 86400, megabytes=512)
    dead_letters: AgeAndSize = AgeAndSize(age_seconds=30 * 86400, megabytes=512)
    deliveries: AgeAndRows = AgeAndRows(age_seconds=86400, rows=200_000)

    def amqp_password(self) -> str:
        """RabbitMQ's password, or raise ConfigurationError."""
        return read_secret(self.amqp_password_file)

    def credential(self) -> str:
        """What services nginx knows Rio by, or raise ConfigurationError."""
        return read_secret(self.credential_file)
