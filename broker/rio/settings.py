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

    def amqp_password(self) -> str:
        """RabbitMQ's password, or raise ConfigurationError."""
        return read_secret(self.amqp_password_file)

    def credential(self) -> str:
        """What services nginx knows Rio by, or raise ConfigurationError."""
        return read_secret(self.credential_file)
