"""Cache-Control (RFC 9111), entity tags and conditional requests (RFC 9110)."""

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

_ELEMENT = r"""[ \t]*(?:([^\s",;=]+)(?:=(?:"([^"\\]*)"|([^\s",;=]+)))?[ \t]*)?"""
_DIRECTIVE = re.compile(_ELEMENT)
_CONTROL = re.compile(f"{_ELEMENT}(?:,{_ELEMENT})*")
_NOT_SHARED = frozenset({"no-store", "no-cache", "private"})
#: RFC 9111, 4.2.4: what forbids to give an answer that is no longer fresh.
_NOT_STALE = _NOT_SHARED | {"must-revalidate", "proxy-revalidate", "s-maxage"}
#: Headers that differ from request to request of the same caller.
_OF_ONE_REQUEST = frozenset(
    {"*", "baggage", "traceparent", "tracestate", "x-request-id", "x-request-timeout-ms"}
)
_TAG = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')
#: However long a service allows it.
MAX_SECONDS = 24 * 3600
#: RFC 9111, 1.2.2: what a number of seconds is that is too large to be one.
_FOREVER = 2**31


class HasHeaders(Protocol):
    """Headers of an answer, by case-insensitive name; one that is repeated has several values."""

    def get_all(self, name: str, /) -> list[str]: ...


class Freshness(NamedTuple):
    """For how long an answer may be given again, in seconds from when it came.

    Attributes:
        shared: by a cache for many, such as the gateway's own.
        private: by a cache for one, such as a browser's.
        public: whether it may be kept for others, too, where the caller showed a token (RFC 9111, 3.5).
    """

    shared: int
    private: int
    public: bool

    @property
    def lasts(self) -> bool:
        return self.shared > 0 or self.private > 0


NOT_FRESH = Freshness(0, 0, False)


def freshness(headers: HasHeaders) -> Freshness:
    """The freshness of an answer by its headers (RFC 9111, 4.2).

    What is not plainly allowed is not: a Cache-Control that is none, or says one thing twice, allows nothing.
    What a shared cache may not keep has no private lifetime either.
    """
    control = headers.get_all("Cache-Control")
    if not control or headers.get_all("Set-Cookie") or any(map(str.strip, headers.get_all("Vary"))):
        return NOT_FRESH
    directives = _directives(",".join(control))
    if directives is None or not _NOT_SHARED.isdisjoint(directives):
        return NOT_FRESH
    age = _seconds(",".join(headers.get_all("Age")).partition(",")[0].strip())  # RFC 9111, 5.1: the first
    private = _left(directives.get("max-age"), age)
    shared = _left(directives["s-maxage"], age) if "s-maxage" in directives else private
    return Freshness(shared, private, "public" in directives)


def may_be_shared(headers: HasHeaders) -> bool:
    """Whether an answer may be given to another request than the one that it answers, at the same time.

    The other request has the same target and caller, and the same values of the headers that are passed on.
    """
    if headers.get_all("Set-Cookie") or not _OF_ONE_REQUEST.isdisjoint(_varies(headers)):
        return False
    if not (control := headers.get_all("Cache-Control")):
        return True
    directives = _directives(",".join(control))
    if directives is None or not _NOT_SHARED.isdisjoint(directives):
        return False
    lifetime = directives.get("s-maxage", directives.get("max-age"))
    return lifetime is None or _seconds(lifetime) > 0


def may_be_stale(headers: HasHeaders) -> bool:
    """Whether an answer may be kept, to be given again when there is no better one (RFC 9111, 4.2.4)."""
    if headers.get_all("Set-Cookie") or not _OF_ONE_REQUEST.isdisjoint(_varies(headers)):
        return False
    directives = _directives(",".join(headers.get_all("Cache-Control")))
    return directives is not None and _NOT_STALE.isdisjoint(directives)


class Wanted(NamedTuple):
    """The directives of a request's Cache-Control (RFC 9111, 5.2.1).

    Attributes:
        kept: whether the response may be stored, or be taken from the cache.
        max_age: the age in seconds that an answer may have; None for any.
    """

    kept: bool = True
    max_age: int | None = None


_ANYTHING = Wanted()


def wanted(headers: Mapping[str, str]) -> Wanted:
    """Parse a request's Cache-Control; one that cannot be parsed counts as no-store."""
    if "Cache-Control" not in headers:
        return _ANYTHING
    directives = _directives(headers["Cache-Control"])
    if directives is None or "no-store" in directives:
        return Wanted(kept=False)
    if "no-cache" in directives:
        return Wanted(max_age=0)
    return Wanted(max_age=_seconds(directives["max-age"]) if "max-age" in directives else None)


def _varies(headers: HasHeaders) -> set[str]:
    """The names in Vary, in lower case."""
    return {name.strip().lower() for name in ",".join(headers.get_all("Vary")).split(",")}


def least(several: Sequence[Freshness]) -> Freshness:
    """The freshness of what is made of several answers: what all of them allow."""
    if not several:
        return NOT_FRESH
    shared, private, public = zip(*several, strict=True)
    return Freshness(min(shared), min(private), all(public))


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
    """Whether the caller has the response with this entity tag already (If-None-Match, weak comparison)."""
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def _left(lifetime: str | None, age: int) -> int:
    return max(0, min(_seconds(lifetime), MAX_SECONDS) - age)


def _seconds(text: str | None) -> int:
    if not text or not text.isascii() or not text.isdecimal():
        return 0
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) < 10 else _FOREVER
