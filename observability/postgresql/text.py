"""Text that PostgreSQL can store: it takes neither U+0000 nor lone surrogates."""

import re
from typing import Final

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes the text as it is."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text with replacements for what PostgreSQL does not take: U+FFFD for U+0000, ? for a surrogate."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
