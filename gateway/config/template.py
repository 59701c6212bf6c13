"""Path templates, such as `/v1/orders/{order_id}`: matched against what callers send."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote_to_bytes

from observability.http.problem import Problem

#: A whole segment that stands for a parameter; with a star, for all that is left of the path.
_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)(\*?)\}")
_STATIC = re.compile(r"[A-Za-z0-9._~-]+")
#: As a pattern: what a parameter of one segment can be.
SEGMENT = r"^(?!\.{1,2}$)[^/\\\u0000-\u001f\u007f]+$"
_DOTS = frozenset({".", ".."})
MAX_SEGMENTS = 32


@dataclass(frozen=True, slots=True)
class Template:
    """A path of static segments and parameters.

    Attributes:
        text: as it was written.
        segments: a static segment's text, or None where a parameter stands.
        names: the parameters', in their order.
        takes_rest: whether the last parameter stands for every segment that is left.
    """

    text: str
    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    takes_rest: bool

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a template.

        Raises:
            ValueError: it is none; the message says why.
        """
        segments: list[str | None] = []
        names: list[str] = []
        rest = False
        for segment in text.removeprefix("/").split("/"):
            if rest:
                raise ValueError("nothing can follow a parameter that takes the rest of the path")
            if found := _PARAMETER.fullmatch(segment):
                if found[1] in names:
                    raise ValueError(f"the parameter {found[1]} is there twice")
                names.append(found[1])
                segments.append(None)
                rest = bool(found[2])
            elif _STATIC.fullmatch(segment) and segment not in _DOTS:
                segments.append(segment)
            else:
                raise ValueError(f"{segment!r} is neither a plain segment nor a parameter such as {{id}}")
        return cls(text, tuple(segments), tuple(names), rest)

    @property
    def shape(self) -> str:
        """The template without its parameters' names: what has the same shape matches the same paths."""
        segments = ["{}" if segment is None else segment for segment in self.segments]
        return "/" + "/".join(segments) + ("*" if self.takes_rest else "")

    @property
    def rank(self) -> tuple[int, ...]:
        """Sorts the more specific template first: from the left, a static segment before a parameter, and
        that before one that takes the rest."""
        kinds = [int(segment is None) for segment in self.segments]
        return (*kinds[:-1], 2) if self.takes_rest else tuple(kinds)

    def match(self, segments: list[str]) -> list[str] | None:
        """The parameters' raw values in a path split at its slashes; None when it is another path."""
        own = self.segments
        if len(segments) != len(own) and not (self.takes_rest and len(segments) > len(own)):
            return None
        values = []
        for expected, segment in zip(own, segments, strict=False):
            if expected is None:
                values.append(segment)
            elif expected != segment:
                return None
        if self.takes_rest:
            values[-1] = "/".join(segments[len(own) - 1 :])
        return values

    def ambiguous_with(self, other: "Template") -> bool:
        """Whether some path matches both, and neither is the more specific one in every segment."""
        if len(self.segments) != len(other.segments) or self.takes_rest or other.takes_rest:
            return False
        pairs = list(zip(self.segments, other.segments, strict=True))
        if any(a != b and a is not None and b is not None for a, b in pairs):
            return False
        return any(a is None and b is not None for a, b in pairs) and any(
            b is None and a is not None for a, b in pairs
        )


def decode(raw: str) -> str:
    """The text that a segment (or several, for a rest) of a path stands for.

    Raises:
        Problem: 400 where different readers would read different paths: not UTF-8, control characters, dot
            segments, an encoded slash or a backslash.
    """
    if "%" not in raw and raw.isascii() and raw.isprintable() and "." not in raw and "\\" not in raw:
        return raw
    try:
        # Header lines are read as Latin-1; what is sent unencoded stands for its own bytes.
        text = unquote_to_bytes(raw.encode("latin-1")).decode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise Problem(400, "Malformed path", detail="The path is not UTF-8.") from error
    if any(character < " " or character == "\x7f" for character in text):
        raise Problem(400, "Malformed path", detail="The path has control characters.")
    if text.count("/") != raw.count("/") or "\\" in text or not _DOTS.isdisjoint(text.split("/")):
        raise Problem(400, "Malformed path", detail="The path can be read in more than one way.")
    return text
