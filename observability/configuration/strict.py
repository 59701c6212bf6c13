"""Reading a process's configuration: one JSON file, refused whole at start when anything in it is wrong."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, UrlConstraints, ValidationError
from pydantic_core import Url

from observability.configuration.errors import ConfigurationError

HttpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"], host_required=True)]
AmqpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["amqp"], host_required=True)]
PostgresUrl = Annotated[str, Field(pattern="^postgresql://")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Strict(BaseModel):
    """A document that has exactly the fields it declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_env(cls, variable: str) -> Self:
        """Read the file an environment variable names, or raise ConfigurationError."""
        path = os.environ.get(variable)
        if not path:
            raise ConfigurationError(f"{variable} is not set: it names the configuration file")
        return cls.load(Path(path))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one file, or raise ConfigurationError with every field that is wrong."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from error
        except ValidationError as error:
            fields = "; ".join(
                f"{'.'.join(map(str, found['loc'])) or 'document'}: {found['msg']}"
                for found in error.errors()
            )
            raise ConfigurationError(f"{path}: {fields}") from error


def read_secret(path: Path) -> str:
    """The one line a secret's file holds, or raise ConfigurationError."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if not secret:
        raise ConfigurationError(f"{path}: is empty")
    return secret
