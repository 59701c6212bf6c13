"""The bounds of a log record: how many fields the log store takes, how long, and under which names."""

import json
import re
from functools import lru_cache

from observability.text import MAX_TEXT, Json, bounded, text_of, well_formed

#: Of one log record, below what Loki takes (128 and 64 KiB, a mapping's fields counted one by one): it
#: refuses every record of a request for one beyond it.
MAX_FIELDS = 96
MAX_FIELD_BYTES = 48 * 1024
MAX_NAME = 128

_LETTER = re.compile("[A-Za-z0-9]")
_NO_LETTERS = re.compile("[^A-Za-z0-9]+")


class BoundedFields:
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
    name = text_of(name)
    if _LETTER.search(name):
        return bounded(name) if len(name) <= MAX_NAME else well_formed(name[:MAX_NAME])
    return f"extra_{well_formed(name[:MAX_NAME])}"


def cut(text: str, limit: int) -> str:
    """Text of at most `limit` bytes in UTF-8, its end marked where some is missing."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: max(limit - 3, 0)].decode(errors="ignore") + "…"
