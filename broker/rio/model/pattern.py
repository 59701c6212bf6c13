"""Patterns of event types, as AMQP topics have them: `*` stands for one word, `#` for any number of words."""

import re
from functools import lru_cache
from typing import Final

from broker.rio.model.event import MAX_TYPE

_PATTERN: Final = re.compile(r"(?:[A-Za-z0-9_-]+|\*|#)(?:\.(?:[A-Za-z0-9_-]+|\*|#))*")
_CACHED: Final = 4096
_WORDS: Final = {"*": r"[^.]+\.", "#": r"(?:[^.]+\.)*"}


def is_pattern(text: str) -> bool:
    """Whether it is a pattern of event types."""
    return len(text) <= MAX_TYPE and _PATTERN.fullmatch(text) is not None


def matches(pattern: str, type_: str) -> bool:
    """Whether the pattern means events of this type."""
    return _compiled(pattern).fullmatch(f"{type_}.") is not None


def covers(granted: str, pattern: str) -> bool:
    """Whether every type that `pattern` matches is one that `granted` matches."""
    return _covers(_normal(granted), _normal(pattern))


@lru_cache(_CACHED)
def _covers(granted: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Over the words. `row[n]`: whether the words of `granted` until here cover the first n of `pattern`."""
    row = [True, *(False for _ in pattern)]
    for word in granted:
        if word == "#":
            for n in range(len(pattern)):
                row[n + 1] = row[n + 1] or row[n]
        else:
            row = [
                False,
                *(
                    row[n] and (other == word or (word == "*" and other != "#"))
                    for n, other in enumerate(pattern)
                ),
            ]
    return row[-1]


def _normal(pattern: str) -> tuple[str, ...]:
    """The words, each run of wildcards as its `*` and then at most one `#`: `#.*.#` is `*.#`."""
    words: list[str] = []
    for word in pattern.split("."):
        if word == "#" and words[-1:] == ["#"]:
            continue
        if word == "*" and words[-1:] == ["#"]:
            words.insert(len(words) - 1, word)
            continue
        words.append(word)
    return tuple(words)


@lru_cache(_CACHED)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Over the type's words with a dot behind each: `#` then needs no special case."""
    return re.compile("".join(_WORDS.get(word, rf"{re.escape(word)}\.") for word in pattern.split(".")))
