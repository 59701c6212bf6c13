"""Text and values as every consumer can read them: valid Unicode, bounded, JSON types only."""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

MAX_TEXT = 16 * 1024
MAX_DEPTH = 6
MAX_ITEMS = 200

#: Of one log record, below what Loki takes (128 and 64 KiB, a mapping's fields counted one by one): it
#: refuses every record of a request for one beyond it.
MAX_FIELDS = 96
MAX_FIELD_BYTES = 48 * 1024
MAX_NAME = 128

_LETTER = re.compile("[A-Za-z0-9]")
_NO_LETTERS = re.compile("[^A-Za-z0-9]+")


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
    """Whether a value can stay as it is, told quickly; `plain` makes one of every other."""
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
            return {bounded(_text(key)): plain(item, depth - 1) for key, item in items}
        case list() | tuple() | set() | frozenset() if depth:
            return [plain(item, depth - 1) for item in list(value)[:MAX_ITEMS]]
        case _:
            return bounded(_text(value))


class Fields:
    """The fields of one log record, as many as the log store takes, under names that it takes.

    A name needs a letter or digit of ASCII, and has to differ from the others in these: Loki writes all
    others as underscores. What does not fit is cut or left out, and `omitted_fields` says how many were.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Json] = {}
        self._names: set[str] = set()
        self._omitted = 0
        self._fields_left = MAX_FIELDS
        self._bytes_left = MAX_FIELD_BYTES

    def add(self, name: str, value: Json) -> None:
        """Keep a field, or what there is room for of it."""
        self._add(self.kept, "", name, value)
        if self._omitted:
            self.kept["omitted_fields"] = self._omitted

    def _add(self, into: dict[str, Json], prefix: str, name: str, value: Json) -> None:
        name = self._unique(prefix, name)
        size = len(name.encode())
        if isinstance(value, dict):
            inner = into[name] = dict[str, Json]()
            for key, item in value.items():
                self._add(inner, f"{prefix}{name}.", key, item)
        elif self._fields_left and self._bytes_left > size + len(prefix):
            self._fields_left -= 1
            self._bytes_left -= size + len(prefix)
            into[name] = self._fit(value)
        else:
            self._omitted += 1

    def _fit(self, value: Json) -> Json:
        if isinstance(value, list):
            # As the log store has it: the text of it.
            text = json.dumps(value, ensure_ascii=False)
            size = len(text.encode())
            fitting = value if size <= self._bytes_left else cut(text, self._bytes_left)
            self._bytes_left -= min(size, self._bytes_left)
            return fitting
        if not isinstance(value, str):
            self._bytes_left -= min(24, self._bytes_left)  # the longest number
            return value
        text = cut(value, min(self._bytes_left, MAX_TEXT))
        self._bytes_left -= len(text.encode())
        return text

    def _unique(self, prefix: str, name: str) -> str:
        name = field_name(name)
        number = 1
        while (spelled := _NO_LETTERS.sub("_", f"{prefix}{name}")) in self._names:
            number += 1
            name = f"{name[:MAX_NAME]}_{number}"
        self._names.add(spelled)
        return name


@lru_cache(1024)
def field_name(name: str) -> str:
    """A name as a log record's field can have it: neither empty nor long, with a letter or digit of ASCII.

    Of a name that is no text (`extra` takes any key), its text.
    """
    name = _text(name)
    if _LETTER.search(name):
        return bounded(name) if len(name) <= MAX_NAME else well_formed(name[:MAX_NAME])
    return f"extra_{well_formed(name[:MAX_NAME])}"


def cut(text: str, limit: int) -> str:
    """Text of at most `limit` bytes in UTF-8, its end marked where some is missing."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: max(limit - 3, 0)].decode(errors="ignore") + "…"


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a broken __str__ must not cost the log line
        return f"<{type(value).__name__}>"
