"""Text and values as every consumer can read them: valid Unicode, bounded, JSON types only."""

import math
from collections.abc import Mapping
from typing import Any

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

MAX_TEXT = 16 * 1024
MAX_DEPTH = 6
MAX_ITEMS = 200


def well_formed(text: str) -> str:
    """The same text with lone surrogates, which UTF-8 cannot carry, replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def simple(value: Any) -> bool:
    """A quick check whether a value can stay as it is; `plain` converts every other."""
    if type(value) is str:
        return len(value) <= MAX_TEXT and value.isascii()
    if type(value) is int:
        return -(2**63) <= value < 2**63
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) is bool


def bounded(text: str, limit: int = MAX_TEXT) -> str:
    """Well-formed text of at most `limit` characters; what was cut is said."""
    if len(text) > limit:
        text = f"{text[:limit]}… ({len(text) - limit} characters more)"
    return well_formed(text)


def plain(value: Any, depth: int = MAX_DEPTH) -> Json:
    """Any value as JSON and MessagePack can both carry it; never raises."""
    try:
        return _plain(value, depth)
    except Exception:  # a value's own code may be broken, which must not cost the log line
        return f"<{type(value).__name__}>"


def _plain(value: Any, depth: int) -> Json:
    match value:
        case None | bool():
            return value
        case str():
            return bounded(str(value))
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case Mapping() if depth:
            items = list(value.items())[:MAX_ITEMS]
            return {bounded(text_of(key)): plain(item, depth - 1) for key, item in items}
        case list() | tuple() | set() | frozenset() if depth:
            return [plain(item, depth - 1) for item in list(value)[:MAX_ITEMS]]
        case _:
            return bounded(text_of(value))


def text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a broken __str__ must not cost the log line
        return f"<{type(value).__name__}>"
