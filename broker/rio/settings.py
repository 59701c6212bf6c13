"""Rio's configuration: one JSON file, refused whole at start when anything in it is wrong."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, UrlConstraints, ValidationError
from pydantic_core import Url

_HttpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"], host_required=True)]
_AmqpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["amqp"], host_required=True)]
_Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(ValueError):
    """The configuration cannot be used; the message names file and fields."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(_Strict):
    """Where a process listens."""

    host: str = Field(min_length=1)
    port: _Port


class Settings(_Strict):
    """What RIO_CONFIG holds; secrets stay in the files it names."""

    api: Address
    dispatcher: Address
    amqp_url: _AmqpUrl
    amqp_password_file: Path
    database_url: str = Field(pattern="^postgresql://")
    services_url: _HttpUrl
    credential_file: Path
    senders_file: Path
    max_body_bytes: int = Field(ge=1024, le=64 * 1024 * 1024)

    @classmethod
    def from_env(cls) -> Self:
        """Read the file RIO_CONFIG names, or raise SettingsError."""
        path = os.environ.get("RIO_CONFIG")
        if not path:
            raise SettingsError("RIO_CONFIG is not set: it names Rio's configuration file")
        return cls.load(Path(path))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one file, or raise SettingsError with every field that is wrong."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from error
        except ValidationError as error:
            fields = "; ".join(
                f"{'.'.join(map(str, found['loc'])) or 'document'}: {found['msg']}"
                for found in error.errors()
            )
            raise SettingsError(f"{path}: {fields}") from error

    def amqp_password(self) -> str:
        """RabbitMQ's password, or raise SettingsError."""
        return read_secret(self.amqp_password_file)

    def credential(self) -> str:
        """What services nginx knows Rio by, or raise SettingsError."""
        return read_secret(self.credential_file)


def read_secret(path: Path) -> str:
    """The one line a secret's file holds, or raise SettingsError."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if not secret:
        raise SettingsError(f"{path}: is empty")
    return secret
