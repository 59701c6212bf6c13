"""Masks credentials and personal data in what telemetry says: log lines, attributes of spans, URLs.

What is masked, and how it is found, is in masking.json, which the collector and the service in Java read too.

Replaces scrubadub and Presidio, which look for names and places by language models: here a text that has
nothing to mask costs a few searches for single words. To be dropped when one of them does.
"""

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from observability.text import Json, bounded

_RULES: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

MASK: str = _RULES["mask"]

_SECRET_NAME = re.compile(_RULES["secret_name"], re.ASCII)
#: Of a pattern: words of which one is in every text that it masks, in lower case; and what replaces a match.
_Pattern = tuple[tuple[str, ...], re.Pattern[str], str]
_PATTERNS: list[_Pattern] = [
    (tuple(rule["words"]), re.compile(rule["expression"], re.ASCII), MASK + rule.get("tail", ""))
    for rule in _RULES["patterns"]
]
#: A number has no word beside it.
_OF_NUMBERS = [pattern for pattern in _PATTERNS if not pattern[0]]
#: Letters in lower case, and every digit as 0.
_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", b"abcdefghijklmnopqrstuvwxyz000000000")
#: One of these is in every folded text that has something to mask but numbers.
_SIGNS = tuple[str, ...](_RULES["signs"])
#: One of these is in every folded text that has a number to mask, and in many an id.
_SIGNS_OF_NUMBERS = (
    "0" * _RULES["card_digits"],
    *(f"0000{separator}0000" for separator in (" ", "+", ".", "-", "%00")),
)
_AGENTS = 256
#: Callers make paths and User-Agents as long as the server takes; beyond this, neither is masked or recorded.
MAX_CHARACTERS = 2048


def mask(text: str) -> str:
    """The text with `***` in place of what is masked."""
    folded = _folded(text)
    if _has_one_of(_SIGNS, folded):
        return _masked(text, _PATTERNS)
    return _masked(text, _OF_NUMBERS) if _has_one_of(_SIGNS_OF_NUMBERS, folded) else text


def have_secrets(texts: Collection[str]) -> bool:
    """Whether one of the texts has something to mask. Several at once take little longer than one."""
    joined = "\n".join(texts)
    folded = _folded(joined)
    if _has_one_of(_SIGNS, folded):
        return any(mask(text) != text for text in texts)
    # No number goes on behind a line's end.
    return _has_one_of(_SIGNS_OF_NUMBERS, folded) and _masked(joined, _OF_NUMBERS) != joined


def mask_path(path: str) -> str:
    """A URL's path and query, cut to MAX_CHARACTERS and masked."""
    return mask(path if len(path) <= MAX_CHARACTERS else bounded(path, MAX_CHARACTERS))


@lru_cache(_AGENTS)
def mask_user_agent(text: str) -> str:
    """The name of a client program, cut to MAX_CHARACTERS and masked: few come again and again."""
    return mask(bounded(text, MAX_CHARACTERS))


def mask_value(name: str, value: Json) -> Json:
    """A field's value, masked: whole if the field's name says that it is secret."""
    if is_secret(name):
        return MASK
    match value:
        case str():
            return mask(value)
        case dict():
            return {key: mask_value(key, item) for key, item in value.items()}
        case list():
            return [mask_value("", item) for item in value]
    return value


@lru_cache(1024)
def is_secret(name: str) -> bool:
    """Whether the name of a field says that its value is secret."""
    return _SECRET_NAME.search(name) is not None


def are_secret(names: Iterable[str]) -> bool:
    """Whether one of the names says that its field is secret."""
    return any(map(is_secret, names))


def _folded(text: str) -> str:
    # Latin 1 has a character for each byte, and takes no time.
    return text.encode(errors="replace").translate(_FOLDED).decode("latin-1")


def _masked(text: str, patterns: list[_Pattern]) -> str:
    lower = text.lower()
    for words, pattern, masked in patterns:
        if not words or _has_one_of(words, lower):
            text = pattern.sub(partial(_replace, masked), text)
    return text


def _has_one_of(words: tuple[str, ...], text: str) -> bool:
    for word in words:  # noqa: SIM110 - a generator costs more than all of it
        if word in text:
            return True
    return False


def _replace(masked: str, match: re.Match[str]) -> str:
    kept, *number = match.groups()
    return f"{kept}{masked}" if not number or _passes_luhn(number[0]) else match[0]


def _passes_luhn(number: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    digits = [int(digit) for digit in number.replace("%20", "") if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
