"""Text that PostgreSQL can store and index: without U+0000 and lone surrogates, and not too long."""

import re
from hashlib import sha256
from typing import Final

_MAX_INDEXED_BYTES: Final = 1024
"""A row of a B-tree has at most 2704 bytes, for several columns."""
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes the text as it is."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text with replacements for what PostgreSQL does not take: U+FFFD for U+0000, ? for a surrogate."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def indexable(text: str) -> str:
    """The text as an indexed column keeps it: itself, or its SHA-256 if it has more than 1024 bytes."""
    encoded = text.encode(errors="surrogatepass")
    return text if len(encoded) <= _MAX_INDEXED_BYTES else f"sha256:{sha256(encoded).hexdigest()}"
