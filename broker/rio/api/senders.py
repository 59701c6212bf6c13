"""Who may speak to Rio: senders and their bearer tokens."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Self

from broker.configuration import ConfigurationError


class Senders:
    """Knows senders by their tokens."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        """`tokens`: sender name to token."""
        self._digests = {name: _digest(token) for name, token in tokens.items()}

    @classmethod
    def load(cls, path: Path) -> Self:
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
        return cls(tokens)

    def by_token(self, token: str) -> str | None:
        """The sender with this token. Takes as long whichever sender matches, or none does."""
        presented = _digest(token)
        found = None
        for name, digest in self._digests.items():
            if hmac.compare_digest(digest, presented):
                found = name
        return found


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
