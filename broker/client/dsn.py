"""Where events are emitted, by which sender and for which project, in one line of configuration."""

import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote

FORM: Final = "http://sender:token@host:port/project"

_WORDS: Final = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_DSN: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<sender>[A-Za-z0-9][A-Za-z0-9_-]{0,99}):"
    r"(?P<token>(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2}){1,1000})@"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    rf"/(?P<project>{_WORDS})"
)
_PORTS: Final = {"http": 80, "https": 443}
_MAX_PROJECT: Final = 100


class DsnError(ValueError):
    """The text is no DSN. The message does not repeat it: there may be a token in it."""


@dataclass(frozen=True, slots=True)
class Dsn:
    """`http://sender:token@host:port/project`, with `https` and without a port, too.

    The token is percent-encoded where it needs to be (RFC 3986), never shown and never logged.
    """

    scheme: str
    host: str
    """A name, an IPv4 address, or an IPv6 address in brackets."""
    port: int
    sender: str
    token: str = field(repr=False)
    project: str
    """The prefix of the types of emitted events."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a DSN, or raise DsnError."""
        found = _DSN.fullmatch(text)
        if found is None:
            raise DsnError(f"not a DSN: expected {FORM}")
        port = int(found["port"] or _PORTS[found["scheme"]])
        if not 0 < port < 65536:
            raise DsnError("not a DSN: the port must be from 1 to 65535")
        if len(found["project"]) > _MAX_PROJECT:
            raise DsnError(f"not a DSN: the project may have at most {_MAX_PROJECT} characters")
        token = unquote(found["token"], errors="replace")
        if not all("!" <= character <= "~" for character in token):
            raise DsnError("not a DSN: the token must be printable ASCII without spaces")
        return cls(found["scheme"], found["host"], port, found["sender"], token, found["project"])

    @property
    def origin(self) -> str:
        """Scheme, host and port: what Rio's addresses begin with."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def __str__(self) -> str:
        """The DSN without its token."""
        return f"{self.scheme}://{self.sender}@{self.host}:{self.port}/{self.project}"
