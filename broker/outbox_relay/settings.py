"""The relay's configuration."""

from pathlib import Path

from pydantic import Field

from observability.configuration.strict import HttpUrl, Port, PostgresUrl, Strict, read_secret


class Database(Strict):
    """A service's database with an outbox."""

    name: str = Field(min_length=1, max_length=63)
    url: PostgresUrl


class Settings(Strict):
    """The content of RELAY_CONFIG; tokens stay in the files that it names."""

    host: str = Field(min_length=1)
    port: Port
    rio_url: HttpUrl
    rio_token_file: Path
    operator_token_file: Path
    databases: tuple[Database, ...]

    def token(self) -> str:
        """The relay's bearer token at Rio, or raise ConfigurationError."""
        return read_secret(self.rio_token_file)

    def operator_token(self) -> str:
        """The bearer token that admits an operator to the outboxes, or raise ConfigurationError."""
        return read_secret(self.operator_token_file)
