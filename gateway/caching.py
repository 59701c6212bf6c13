"""What HTTP says about keeping answers: Cache-Control (RFC 9111), entity tags and conditions (RFC 9110)."""

import re
from hashlib import blake2b
from typing import Protocol

_ELEMENT = r"""[ \t]*(?:([^\s",;=]+)(?:=(?:"([^"\\]*)"|([^\s",;=]+)))?[ \t]*)?"""
_DIRECTIVE = re.compile(_ELEMENT)
_CONTROL = re.compile(f"{_ELEMENT}(?:,{_ELEMENT})*")
_NOT_SHARED = frozenset({"no-store", "no-cache", "private"})
_TAG = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')
#: However long a service allows it.
MAX_SECONDS = 24 * 3600
#: RFC 9111, 1.2.2: what a number of seconds is that is too large to be one.
_FOREVER = 2**31


class HasHeaders(Protocol):
    """Headers of an answer, by case-insensitive name; one that is repeated has several values."""

    def get_all(self, name: str, /) -> list[str]: ...


def freshness(headers: HasHeaders) -> int:
    """For how many seconds from now on a shared cache may answer with this; 0 where it may not.

    What is not plainly allowed is not: a Cache-Control that is none, or says one thing twice, allows nothing.
    """
    control = headers.get_all("Cache-Control")
    if not control or headers.get_all("Set-Cookie") or any(map(str.strip, headers.get_all("Vary"))):
        return 0
    directives = _directives(",".join(control))
    if directives is None or not _NOT_SHARED.isdisjoint(directives):
        return 0
    seconds = _seconds(directives.get("s-maxage", directives.get("max-age")))
    age = ",".join(headers.get_all("Age")).partition(",")[0]  # RFC 9111, 5.1: the first of several
    return max(0, min(seconds, MAX_SECONDS) - _seconds(age.strip()))


def _directives(control: str) -> dict[str, str] | None:
    """The directives of a Cache-Control, in lower case, with their arguments; None where there are none."""
    if not _CONTROL.fullmatch(control):
        return None
    found = [(name.lower(), quoted or plain) for name, quoted, plain in _DIRECTIVE.findall(control) if name]
    directives = dict(found)
    return directives if len(directives) == len(found) else None


def entity_tag(body: bytes) -> str:
    """A strong entity tag: the same for the same bytes only."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether a caller has what `tag` stands for already (If-None-Match, weak comparison)."""
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def _seconds(text: str | None) -> int:
    if not text or not text.isascii() or not text.isdecimal():
        return 0
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) < 10 else _FOREVER
