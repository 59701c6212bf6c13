"""The gateway's settings, read at start from the JSON file that `GATEWAY_CONFIG` names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from observability.configuration.strict import HttpUrl, Port, Strict, read_secret

VARIABLE = "GATEWAY_CONFIG"
ROUTES_FILE = Path(__file__).parents[1] / "routes.yaml"


class ServiceSettings(Strict):
    """One service the gateway may call. `timeout_seconds` bounds a whole call, body included."""

    timeout_seconds: Annotated[float, Field(gt=0, le=300)]


class AuthSettings(Strict):
    """Which access tokens are accepted: those of `issuer` for `audience`, signed by a key of the JWK Set that
    either a file or a URL gives. `leeway_seconds` is by how much clocks may differ."""

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    jwks_file: Path | None = None
    jwks_url: HttpUrl | None = None
    leeway_seconds: Annotated[float, Field(ge=0, le=300)] = 30.0

    @model_validator(mode="after")
    def _keys_from_one_place(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("either jwks_file or jwks_url")
        return self


class CorsSettings(Strict):
    """Origins whose scripts may use the API from browsers, such as `https://shop.example`; `*` is any."""

    origins: tuple[Annotated[str, Field(pattern=r"^(\*|https?://[a-z0-9.-]+(:[0-9]+)?)$")], ...] = ()
    max_age_seconds: Annotated[int, Field(ge=0, le=86400)] = 600


class Settings(Strict):
    """The gateway's configuration: one entry of `ports` and of `metrics_ports` per process.

    Attributes:
        trusted_proxies: addresses, networks and host names of the proxies in front. Their `X-Forwarded-*`
            are believed, those of other peers dropped.
    """

    host: str
    ports: Annotated[list[Port], Field(min_length=1)]
    metrics_ports: Annotated[list[Port], Field(min_length=1)]
    services_url: HttpUrl
    credential_file: Path
    services: Mapping[str, ServiceSettings]
    routes_file: Path = ROUTES_FILE
    auth: AuthSettings | None = None
    cors: CorsSettings = CorsSettings()
    trusted_proxies: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,255}$")], ...] = ()

    @model_validator(mode="after")
    def _a_metrics_port_each(self) -> Self:
        if len(self.ports) != len(self.metrics_ports):
            raise ValueError("ports and metrics_ports must be of the same length")
        return self

    @classmethod
    def read(cls) -> Self:
        """Read the file named by `GATEWAY_CONFIG`.

        Raises:
            ConfigurationError: the variable is unset, or the file is missing or breaks the schema.
        """
        return cls.from_env(VARIABLE)

    def credential(self) -> str:
        """The secret that admits the gateway at services nginx.

        Raises:
            ConfigurationError: the file cannot be read or is empty.
        """
        return read_secret(self.credential_file)
