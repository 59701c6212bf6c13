"""Where requests go."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,253}[a-z0-9_.])?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a server (RFC 9110, section 4.3.1).

    Keep one object for an origin that is called often: its hash and its Host header are made once.

    Args:
        scheme: http or https.
        host: a name in ASCII, an IPv4 address or an IPv6 address, with or without brackets.
        port: 1 to 65535.

    Raises:
        ValueError: any of them is not that.
    """

    scheme: str
    host: str
    port: int
    host_line: str = field(init=False, repr=False, compare=False)
    """The Host header of requests to this origin."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        scheme, host = self.scheme.lower(), self.host.lower().removeprefix("[").removesuffix("]")
        if scheme not in _PORTS:
            raise ValueError("the scheme of an origin is http or https")
        if ":" in host:
            if "%" in host:
                raise ValueError("an origin has no IPv6 zone")
            authority = f"[{IPv6Address(host)}]"
        elif _NAME.fullmatch(host):
            authority = host
        else:
            raise ValueError("the host of an origin is a name in ASCII or an IP address")
        if not 0 < self.port < 65536:
            raise ValueError("the port of an origin is 1 to 65535")
        if self.port != _PORTS[scheme]:
            authority = f"{authority}:{self.port}"
        set_field = object.__setattr__
        set_field(self, "scheme", scheme)
        set_field(self, "host", host)
        set_field(self, "host_line", f"Host: {authority}\r\n")
        set_field(self, "_hash", hash((scheme, host, self.port)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_line[6:-2]}"

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of an absolute URL; its path and query do not matter.

        Raises:
            ValueError: the URL has no origin that can be called, or carries a user name.
        """
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError("a URL with a user name or password is not called")
        port = parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)
        return cls(parts.scheme, parts.hostname or "", port)
