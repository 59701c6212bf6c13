"""Patterns of event types, as AMQP topics have them: `*` stands for one word, `#` for any number of words."""

import re
from functools import lru_cache
from typing import Final

_CACHED: Final = 4096
_WORDS: Final = {"*": r"[^.]+\.", "#": r"(?:[^.]+\.)*"}


def matches(pattern: str, type_: str) -> bool:
    """Whether the pattern means events of this type."""
    return _compiled(pattern).fullmatch(f"{type_}.") is not None


@lru_cache(_CACHED)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Over the type's words with a dot behind each: `#` then needs no special case."""
    return re.compile("".join(_WORDS.get(word, rf"{re.escape(word)}\.") for word in pattern.split(".")))
