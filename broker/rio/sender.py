"""Who may speak to Rio: senders, their tokens, and what each may emit."""

import binascii
import hmac
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from broker.configuration import ConfigurationError
from broker.rio.patterns import matches
from broker.rio.settings import SenderEntry

_REMEMBERED: Final = 4096
_ANYTHING: Final = ("#",)


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who may emit."""

    name: str
    types: tuple[str, ...]
    """Patterns of the event types it may emit."""
    rate_per_second: float | None = None
    """How many events it may emit; None for any number."""
    admin: bool = False
    """Whether it may do everything else, too."""

    def may_emit(self, type_: str) -> bool:
        """Whether events of this type are its to emit."""
        return _any_matches(self.types, type_)


@lru_cache(_REMEMBERED)
def _any_matches(patterns: tuple[str, ...], type_: str) -> bool:
    return any(matches(pattern, type_) for pattern in patterns)


class Senders:
    """Knows senders by their tokens: those of the catalog, and those made by the API as last read."""

    def __init__(self, tokens: Mapping[str, str], entries: Mapping[str, SenderEntry] | None = None) -> None:
        """`tokens`: sender name to token. Without any entries each of them may do everything; with some, one
        that has none may emit anything and do nothing else."""
        self._catalog = {digest(token): _of_catalog(name, entries) for name, token in tokens.items()}
        self._by_digest = dict(self._catalog)
        self.declared: Final = tuple(self._catalog.values())

    @classmethod
    def load(cls, path: Path, entries: Mapping[str, SenderEntry] | None = None) -> Self:
        """Read a JSON object of name and token, or raise ConfigurationError."""
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
        return cls(tokens, entries)

    def replace(self, made: Iterable[tuple[bytes, Sender]]) -> None:
        """Know these (digest of the token, sender) beside the catalog's, and no others."""
        self._by_digest = {**dict(made), **self._catalog}

    def by_token(self, token: str) -> Sender | None:
        """The sender with this token, or None. Found by its digest, whose bits nobody can choose: the time
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


def digest(token: str) -> bytes:
    """The SHA-256 of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _of_catalog(name: str, entries: Mapping[str, SenderEntry] | None) -> Sender:
    if entries is None:
        return Sender(name, _ANYTHING, admin=True)
    entry = entries.get(name)
    if entry is None:
        return Sender(name, _ANYTHING)
    return Sender(name, tuple(entry.types), entry.rate_per_second, entry.admin)
