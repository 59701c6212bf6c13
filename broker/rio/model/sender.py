"""Senders: the programs that may use Rio, their tokens, and what each may emit and read."""

import binascii
import hmac
import json
import logging
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from broker.rio.model.pattern import covers, matches
from broker.rio.settings import SenderEntry
from observability.configuration.errors import ConfigurationError

_REMEMBERED: Final = 4096

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender and its rights. The defaults give none."""

    name: str
    types: tuple[str, ...] = ()
    """Patterns of the event types it may emit."""
    reads: tuple[str, ...] = ()
    """Patterns of the event types it may read: subscribe to and tail."""
    egress: tuple[str, ...] = ()
    """Hosts outside the platform that its subscriptions may post to: `a.org`, `*.a.org` or `*`."""
    sources: tuple[str, ...] = ()
    """CloudEvents sources that it may use beside `/<name>` and those below it, each with those below it."""
    rate_per_second: float | None = None
    """How many events it may emit; None for any number."""
    admin: bool = False
    """Whether it may do everything."""
    relays: bool = False
    """Whether it may emit on behalf of a service of the catalog, with that service's rights."""
    viewer: bool = False
    """Whether it may see everything but secrets, and change nothing."""

    @property
    def sees_all(self) -> bool:
        """Whether other senders' events, deliveries and subscriptions are its to see."""
        return self.admin or self.viewer

    def may_emit(self, type_: str) -> bool:
        """Whether events of this type are its to emit."""
        return self.admin or _any_matches(self.types, type_)

    def may_use_source(self, source: str) -> bool:
        """Whether its events may have this source: another sender's would let it pass for that sender."""
        return self.admin or _any_contains((f"/{self.name}", *self.sources), source)

    def may_read(self, type_: str) -> bool:
        """Whether events of this type are its to read."""
        return self.sees_all or _any_matches(self.reads, type_)

    def may_subscribe(self, pattern: str) -> bool:
        """Whether every event type that the pattern matches is its to read."""
        return self.admin or any(covers(granted, pattern) for granted in self.reads)

    def may_post_to(self, sink: str) -> bool:
        """Whether its subscriptions may have this sink.

        Behind services nginx Rio posts with a credential of its own, so there only `/<name>/...`.
        """
        if self.admin:
            return True
        if sink.startswith("/"):
            return sink.startswith(f"/{self.name}/")
        host = (urlsplit(sink).hostname or "").rstrip(".").lower()
        return any(_is_host(granted.lower(), host) for granted in self.egress)

    def may_have(self, types: Iterable[str], sink: str) -> bool:
        """Whether a subscription to these types with this sink may be its own."""
        return self.may_post_to(sink) and all(map(self.may_subscribe, types))


@lru_cache(_REMEMBERED)
def _any_matches(patterns: tuple[str, ...], type_: str) -> bool:
    return any(matches(pattern, type_) for pattern in patterns)


@lru_cache(_REMEMBERED)
def _any_contains(prefixes: tuple[str, ...], source: str) -> bool:
    """Whether the source is one of the prefixes, or a path, query or fragment below one."""
    return any(
        source == prefix or (source.startswith(prefix) and source[len(prefix.rstrip("/"))] in "/?#")
        for prefix in prefixes
    )


def _is_host(granted: str, host: str) -> bool:
    if granted.startswith("*."):
        return host.endswith(granted[1:])
    return granted in ("*", host)


class Senders:
    """Finds senders by their tokens: those of the catalog, and those made by the API as last read."""

    def __init__(
        self, tokens: Mapping[str, str] | None = None, entries: Mapping[str, SenderEntry] | None = None
    ) -> None:
        """`tokens`: sender name to token; one without an entry is as good as none."""
        self._catalog: dict[bytes, Sender] = {}
        self._made: dict[bytes, Sender] = {}
        self._by_digest: dict[bytes, Sender] = {}
        self._declared: dict[str, Sender] = {}
        self.declare(tokens or {}, entries or {})

    @property
    def declared(self) -> tuple[Sender, ...]:
        """The senders of the catalog."""
        return tuple(self._declared.values())

    def declare(self, tokens: Mapping[str, str], entries: Mapping[str, SenderEntry]) -> None:
        """Know these senders of the catalog, and no others of it."""
        self._declared = {name: _sender(name, entry) for name, entry in entries.items()}
        self._catalog = {
            digest(token): self._declared[name] for name, token in tokens.items() if name in entries
        }
        if without := sorted(tokens.keys() - entries.keys()):
            _logger.warning("tokens without an entry in the catalog are refused", extra={"senders": without})
        self._by_digest = {**self._made, **self._catalog}

    def replace(self, made: Iterable[tuple[bytes, Sender]]) -> None:
        """Know these (digest of the token, sender) beside the catalog's, and no others."""
        self._made = {key: sender for key, sender in made if sender.name not in self._declared}
        self._by_digest = {**self._made, **self._catalog}

    def service(self, name: str) -> Sender | None:
        """The service of the catalog with this name, or None."""
        found = self._declared.get(name)
        return None if found is None or found.sees_all or found.relays else found

    def named(self, name: str) -> Sender | None:
        """The sender with this name as it is now, or None."""
        known = self._by_digest.values()
        return self._declared.get(name) or next((one for one in known if one.name == name), None)

    def owner_of(self, subscription_id: str) -> str | None:
        """The sender whose name the id of a subscription begins with, the longest one; None without any."""
        names = {*self._declared, *(sender.name for sender in self._by_digest.values())}
        mine = [name for name in names if subscription_id == name or subscription_id.startswith(f"{name}-")]
        return max(mine, key=len, default=None)

    def by_token(self, token: str) -> Sender | None:
        """The sender with this token, or None. Found by its digest, whose bits no caller can choose: the time
        it takes says nothing about the token."""
        return self._by_digest.get(digest(token))

    def by_authorization(self, header: str) -> Sender | None:
        """The sender an Authorization header shows: `Bearer <token>` or `Basic <name:token in base64>`."""
        scheme, _, credentials = header.partition(" ")
        match scheme.lower():
            case "bearer":
                return self.by_token(credentials.strip())
            case "basic":
                return self._by_basic(credentials.strip())
        return None

    def _by_basic(self, credentials: str) -> Sender | None:
        try:
            name, _, token = b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        sender = self.by_token(token)
        same = sender is not None and hmac.compare_digest(sender.name.encode(), name.encode())
        return sender if same else None


def read_tokens(path: Path) -> Mapping[str, str]:
    """Read a JSON object of sender name and token, or raise ConfigurationError."""
    try:
        tokens = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: no JSON document") from error
    if not isinstance(tokens, dict) or not tokens:
        raise ConfigurationError(f"{path}: no JSON object of sender and token")
    for name, token in tokens.items():
        if not isinstance(token, str) or not token:
            raise ConfigurationError(f"{path}: {name}: the token is no text")
    return tokens


def digest(token: str) -> bytes:
    """The SHA-256 of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _sender(name: str, entry: SenderEntry) -> Sender:
    return Sender(
        name,
        tuple(entry.types),
        tuple(entry.reads),
        tuple(entry.egress),
        tuple(entry.sources),
        entry.rate_per_second,
        entry.admin,
        entry.relays,
        entry.viewer,
    )
