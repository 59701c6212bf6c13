"""References to values: `{path.order_id}` in a call, `order.state == "placed"` in a condition."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gateway.limits import LIMITS

#: What is there before any part is: not names for parts.
ROOTS = frozenset({"path", "query", "caller", "body"})
#: What a segment of a path can carry; a service's text over it is not a name of anything.
MAX_SEGMENT = 1000
#: What a query's member can carry: whatever a caller's own can bring.
MAX_VALUE = LIMITS.target_bytes

Scope = Mapping[str, Any]

#: What a target can carry; a union that is made anew for every value costs as much as to quote it.
_PLAIN = (str, int, float)
_BRACES = re.compile(r"\{([^{}]*)\}")
_REFERENCE = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+)+")
_CONDITION = re.compile(r"(not\s+)?([\w.-]+)|([\w.-]+)\s*(==|!=)\s*(\S.*)")


class Unresolved(Exception):
    """A reference leads to nothing that can be used.

    Attributes:
        absent: the reference as it is written.
    """

    def __init__(self, absent: str) -> None:
        super().__init__(f"there is no {absent}")
        self.absent = absent


@dataclass(frozen=True, slots=True)
class Reference:
    """A value's place: a root (or a part's name) and the members that lead to it."""

    root: str
    members: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Reference":
        """Read a reference.

        Raises:
            ValueError: it is none.
        """
        if not _REFERENCE.fullmatch(text):
            raise ValueError(f"{text!r} is no reference such as order.account_id")
        root, *members = text.split(".")
        return cls(root, tuple(members))

    def __str__(self) -> str:
        return ".".join((self.root, *self.members))

    def value(self, scope: Scope) -> Any:
        """The value it leads to; None where there is none."""
        found: Any = scope.get(self.root)
        for member in self.members:
            if isinstance(found, Mapping):
                found = found.get(member)
            elif (
                isinstance(found, list)
                and member.isdecimal()
                and len(member) < 7
                and int(member) < len(found)
            ):
                found = found[int(member)]
            else:
                return None
        return found

    def text(self, scope: Scope, most: int = MAX_VALUE) -> str:
        """The value, quoted, ready to stand in a query.

        Parameters:
            most: characters that it may have.

        Raises:
            Unresolved: there is none, or it is none that a query can carry.
        """
        found = self.value(scope)
        if isinstance(found, bool):
            return "true" if found else "false"
        if not isinstance(found, _PLAIN) or len(text := str(found)) > most:
            raise Unresolved(str(self))
        try:
            return quote(text, safe="")
        except UnicodeEncodeError as error:
            raise Unresolved(str(self)) from error

    def segment(self, scope: Scope) -> str:
        """The value, quoted, ready to stand in a path.

        Raises:
            Unresolved: there is none, or it is none that one segment can carry.
        """
        text = self.text(scope, MAX_SEGMENT)
        if text in ("", ".", ".."):
            raise Unresolved(str(self))
        return text


@dataclass(frozen=True, slots=True)
class Text:
    """A text with references in it.

    Attributes:
        literals: what stands around the references: one more than there are of these.
    """

    literals: tuple[str, ...]
    references: tuple[Reference, ...]

    @classmethod
    def of(cls, text: str) -> "Text":
        """Read a text.

        Raises:
            ValueError: what stands in braces is no reference, or a brace stands alone.
        """
        pieces = _BRACES.split(text)
        literals = tuple(pieces[::2])
        if any("{" in literal or "}" in literal for literal in literals):
            raise ValueError("a brace stands alone")
        return cls(literals, tuple(map(Reference.of, pieces[1::2])))

    def __str__(self) -> str:
        """The text as it is declared."""
        references = [f"{{{each}}}" for each in self.references]
        return "".join(map("".join, zip(self.literals, [*references, ""], strict=True)))

    def as_path(self, scope: Scope, keep_slashes: frozenset[str] = frozenset()) -> str:
        """The text as a path, with every reference's value in place, quoted.

        Parameters:
            keep_slashes: parameters of the path that stand for several segments.

        Raises:
            Unresolved: one has no value.
        """
        if not keep_slashes:
            return self._filled(scope, Reference.segment)

        def value_of(reference: Reference, scope: Scope) -> str:
            value = reference.segment(scope)
            keeps = reference.root == "path" and reference.members[0] in keep_slashes
            return value.replace("%2F", "/") if keeps else value

        return self._filled(scope, value_of)

    def as_query(self, scope: Scope) -> str:
        """The text as the value of a query's member, with every reference's value in place, quoted.

        Raises:
            Unresolved: one has no value.
        """
        return self._filled(scope, Reference.text)

    def _filled(self, scope: Scope, value_of: Callable[[Reference, Scope], str]) -> str:
        if not self.references:
            return self.literals[0]
        out = [self.literals[0]]
        for reference, literal in zip(self.references, self.literals[1:], strict=True):
            out += (value_of(reference, scope), literal)
        return "".join(out)


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition on which a part is called."""

    reference: Reference
    _holds: Callable[[Any], bool]

    @classmethod
    def of(cls, text: str) -> "Condition":
        """Read `REFERENCE`, `not REFERENCE`, `REFERENCE == JSON` or `REFERENCE != JSON`.

        Raises:
            ValueError: it is none of these.
        """
        found = _CONDITION.fullmatch(text.strip())
        if not found:
            raise ValueError(f'{text!r} is no condition such as order.state == "placed"')
        negated, plain, compared, operator, literal = found.groups()
        if plain:
            return cls(Reference.of(plain), (lambda value: not value) if negated else bool)
        try:
            expected = json.loads(literal)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{literal!r} is not JSON") from error
        same = _equal(expected)
        return cls(Reference.of(compared), same if operator == "==" else lambda value: not same(value))

    def holds(self, scope: Scope) -> bool:
        return self._holds(self.reference.value(scope))


def _equal(expected: Any) -> Callable[[Any], bool]:
    """Equality as JSON has it: true is not 1."""
    return lambda value: isinstance(value, bool) is isinstance(expected, bool) and bool(value == expected)
