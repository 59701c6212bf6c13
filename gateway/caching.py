"""What HTTP says about keeping answers: Cache-Control (RFC 9111), entity tags and conditions (RFC 9110)."""

import re
from hashlib import blake2b
from typing import Protocol

_DIRECTIVE = re.compile(r'\s*([A-Za-z-]+)(?:=(?:"([^"]*)"|([^,\s]*)))?\s*(?:,|$)')
_NOT_SHARED = frozenset({"no-store", "no-cache", "private"})
_TAG = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')
#: However long a service allows it.
MAX_SECONDS = 24 * 3600


class HasHeaders(Protocol):
    """Headers of an answer, by case-insensitive name."""

    def get(self, name: str, default: str | None = None, /) -> str | None: ...


def freshness(headers: HasHeaders) -> int:
    """For how many seconds from now on a shared cache may answer with this; 0 where it may not."""
    control = headers.get("Cache-Control")
    if not control or headers.get("Set-Cookie") or headers.get("Vary"):
        return 0
    directives = {name.lower(): quoted or plain for name, quoted, plain in _DIRECTIVE.findall(control)}
    if not _NOT_SHARED.isdisjoint(directives):
        return 0
    seconds = _seconds(directives.get("s-maxage", directives.get("max-age")))
    return max(0, min(seconds, MAX_SECONDS) - _seconds(headers.get("Age")))


def entity_tag(body: bytes) -> str:
    """A strong entity tag: the same for the same bytes only."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether a caller has what `tag` stands for already (If-None-Match, weak comparison)."""
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0
