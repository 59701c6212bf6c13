"""Filters of the CloudEvents Subscriptions API: which events of its types a subscription gets.

https://github.com/cloudevents/spec/blob/main/subscriptions/spec.md: the six dialects each implementation has.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from broker.cloudevents.attributes import MAX_NAME
from broker.rio.model.event import MAX_ATTRIBUTES_BYTES, Event
from observability.validation.json_pointer import escape

_MAX_DEPTH: Final = 8
_MAX_FILTERS: Final = 100
_MAX_VALUE: Final = MAX_ATTRIBUTES_BYTES
_NAME: Final = re.compile(rf"[a-z0-9]{{1,{MAX_NAME}}}")
_CONTENT_TYPE: Final = "datacontenttype"

Predicate = Callable[[Event], bool]

_COMPARE: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
}
_COMBINE: Final = ("any", "all", "not")


class FilterError(ValueError):
    """A filter cannot be used.

    Attributes:
        errors: (JSON pointer within the filters, what is wrong) of every fault.
    """

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer}: {detail}" for pointer, detail in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters that must all hold; none at all let everything pass."""

    documents: tuple[Mapping[str, Any], ...] = ()
    """As the API shows them."""
    _predicates: tuple[Predicate, ...] = field(default=(), compare=False, repr=False)

    def match(self, event: Event) -> bool:
        """Whether the event passes."""
        return all(predicate(event) for predicate in self._predicates)


#: No filters: every event passes.
NO_FILTERS: Final = Filters()


def read_filters(document: Any) -> Filters:
    """Read an array of filters, or raise FilterError with everything that is wrong in it."""
    reader = _Reader()
    predicates = reader.array(document, "", 1, least=0)
    if reader.errors:
        raise FilterError(reader.errors)
    return Filters(tuple(document), tuple(predicates))


class _Reader:
    """Turns filters into predicates and gathers what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, str]] = []
        self._count = 0

    def array(self, document: Any, pointer: str, depth: int, *, least: int) -> list[Predicate]:
        if not isinstance(document, list) or not least <= len(document) <= _MAX_FILTERS:
            return self._refuse(pointer, f"must be an array of {least} to {_MAX_FILTERS} filters")
        found = [self._one(item, f"{pointer}/{index}", depth) for index, item in enumerate(document)]
        return [predicate for one in found for predicate in one]

    def _one(self, document: Any, pointer: str, depth: int) -> list[Predicate]:
        """A filter's predicate, or none when it is refused."""
        self._count += 1
        if not isinstance(document, Mapping) or len(document) != 1:
            return self._refuse(pointer, "must be an object with one dialect")
        ((dialect, argument),) = document.items()
        inner = f"{pointer}/{_escaped(dialect)}"
        if self._count > _MAX_FILTERS:
            return self._refuse(pointer, f"more than {_MAX_FILTERS} filters in all") if self._first() else []
        if depth > _MAX_DEPTH:
            return self._refuse(pointer, f"nested more than {_MAX_DEPTH} deep")
        if dialect in _COMPARE:
            return self._comparison(dialect, argument, inner)
        if dialect in _COMBINE:
            return self._combination(dialect, argument, inner, depth + 1)
        return self._refuse(inner, f"must be one of {', '.join((*_COMPARE, *_COMBINE))}")

    def _comparison(self, dialect: str, argument: Any, pointer: str) -> list[Predicate]:
        if not isinstance(argument, Mapping) or not 1 <= len(argument) <= _MAX_FILTERS:
            return self._refuse(pointer, "must be an object of attributes and texts")
        before = len(self.errors)
        for name, value in argument.items():
            if not _NAME.fullmatch(name):
                self._refuse(f"{pointer}/{_escaped(name)}", "is no CloudEvents attribute name")
            elif not isinstance(value, str) or not 1 <= len(value) <= _MAX_VALUE:
                self._refuse(f"{pointer}/{name}", f"must be a text of 1 to {_MAX_VALUE} characters")
        if len(self.errors) > before:
            return []
        compare, wanted = _COMPARE[dialect], tuple(argument.items())
        return [lambda event: all(compare(_attribute(event, name), value) for name, value in wanted)]

    def _combination(self, dialect: str, argument: Any, pointer: str, depth: int) -> list[Predicate]:
        if dialect == "not":
            return [_negated(predicate) for predicate in self._one(argument, pointer, depth)]
        inner = self.array(argument, pointer, depth, least=1)
        combine = any if dialect == "any" else all
        return [lambda event: combine(predicate(event) for predicate in inner)]

    def _refuse(self, pointer: str, detail: str) -> list[Predicate]:
        self.errors.append((pointer, detail))
        return []

    def _first(self) -> bool:
        return self._count == _MAX_FILTERS + 1


def _negated(predicate: Predicate) -> Predicate:
    return lambda event: not predicate(event)


def _attribute(event: Event, name: str) -> str:
    """An attribute's text, empty when the event has none: no wanted value is empty."""
    if name == _CONTENT_TYPE:
        return event.content_type or ""
    return event.attributes.get(name, "")


def _escaped(name: str) -> str:
    """A name as a part of a JSON pointer (RFC 6901), cut short."""
    return escape(name[:50])
