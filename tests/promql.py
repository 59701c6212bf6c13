"""What a query in PromQL asks for, read from its text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_STRING = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`"""
_MATCHERS = rf"\{{(?:[^}}\"'`]|{_STRING})*\}}"
_SELECTOR = rf"(?P<name>[a-zA-Z_:][\w:]*)\s*(?P<matchers>{_MATCHERS})?"
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_ASKED = re.compile(rf"{_STRING}|(?<![\w:]){_MATCHERS}|(?<![\w.]){_SELECTOR}(?!\s*\()(?![\w:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right", "inf", "nan"}
_LABEL = re.compile(rf"(\w+)\s*(?:=~|!~|!=|=)\s*(?:{_STRING})")
_FALLBACK = re.compile(r"\s*\bor\s+vector\(0\)")
_INCREASE = re.compile(rf"\b(?:rate|irate|increase)\(\s*(?P<selector>{_SELECTOR})\s*\[")


@dataclass(frozen=True)
class Selector:
    """A metric's name, and the labels by which its series are chosen."""

    name: str
    labels: frozenset[str]


def selectors(query: str) -> set[Selector]:
    """What a query reads by name; not what it chooses by labels alone."""
    return {
        Selector(found["name"], frozenset(_LABEL.findall(found["matchers"] or "")))
        for found in _ASKED.finditer(_GROUPING.sub(" ", query))
        if found["name"] and found["name"] not in _WORDS
    }


def increases(query: str) -> Iterator[tuple[str, str]]:
    """(name, selector) of the counters whose increase a query asks for."""
    for found in _INCREASE.finditer(query):
        yield found["name"], found["selector"].strip()


def without_fallback(query: str) -> str:
    """The query without `or vector(0)`, which has it answer whatever there is."""
    return _FALLBACK.sub("", query)
