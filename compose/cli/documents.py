"""YAML files that know the line of each of their fields.

Reading is strict: no anchors, no tags beyond JSON's types, no repeated keys, so that what a person reads is
what the platform reads. Whatever is wrong is a Problem with file, line and field; bad content raises nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from compose.cli.errors import Failure

Field = tuple[str | int, ...]
"""Where a value stands in a document: keys and positions from its root."""

_MAX_BYTES = 64 * 1024
_SCALAR_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a file; prints as `file:line: field: message`."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class Refused(Failure):
    """Configuration with problems; all of them, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("the configuration is refused", tail=list(map(str, self.problems)))

    def __str__(self) -> str:
        return "\n".join(self.tail)


@dataclass
class Document:
    """A YAML file's content, the lines of its fields, and the problems found so far."""

    file: str
    content: Any = None
    problems: list[Problem] = field(default_factory=list)
    _lines: dict[Field, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, name: str) -> Document:
        """Reads `path`; `name` is what problems call it."""
        document = cls(name)
        try:
            raw = path.read_bytes()
        except OSError as error:
            document.problem((), f"cannot be read: {error.strerror}")
            return document
        if len(raw) > _MAX_BYTES:
            document.problem((), f"is {len(raw)} bytes long, at most {_MAX_BYTES} are allowed")
            return document
        try:
            document._parse(raw.decode())
        except UnicodeDecodeError:
            document.problem((), "is not UTF-8")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            document._at(mark.line + 1 if mark else 1, (), error.problem or "is not YAML")
        except yaml.YAMLError as error:
            document.problem((), " ".join(str(error).split()))
        except RecursionError:
            document.problem((), "is nested too deeply")
        return document

    def problem(self, where: Field, message: str) -> None:
        """Notes that the value at `where` is wrong."""
        self._at(self.line(where), where, message)

    def line(self, where: Field) -> int:
        """The line, from 1, of the field `where` or of the nearest field around it."""
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def check(self, schema: Mapping[str, Any]) -> None:
        """Notes every way in which the content does not follow the JSON Schema (2020-12)."""
        for error in _Validator(schema).iter_errors(self.content):
            for where, message in _explain(error):
                self.problem(where, message)

    def _at(self, line: int, where: Field, message: str) -> None:
        self.problems.append(Problem(self.file, line, _name(where), message))

    def _parse(self, text: str) -> None:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) and event.start_mark:
                self._at(event.start_mark.line + 1, (), f"alias *{event.anchor}: write the value out")
        if self.problems:
            return
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            self.problem((), "is empty")
        else:
            self.content = self._value(node, ())

    def _value(self, node: yaml.Node, where: Field) -> Any:
        self._lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*where, position)) for position, child in enumerate(node.value)]
        return self._scalar(node, where)

    def _mapping(self, node: yaml.MappingNode, where: Field) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node, where) if isinstance(key_node, yaml.ScalarNode) else None
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                self._at(line, where, "keys are text")
            elif key in content:
                self._at(line, (*where, key), "is given twice")
            else:
                self._lines[(*where, key)] = line
                content[key] = self._value(value_node, (*where, key))
        return content

    def _scalar(self, node: yaml.Node, where: Field) -> Any:
        try:
            if node.tag not in _SCALAR_TAGS:
                raise ValueError
            value = yaml.constructor.SafeConstructor().construct_object(node)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError
        except (ValueError, yaml.YAMLError):
            self._at(node.start_mark.line + 1, where, f"{node.value!r} is not a value that is allowed here")
            return None
        return value


def _pattern(_: Any, pattern: str, value: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    """`pattern`, where a `$` at its end is the end, as ECMA-262 has it: `re` lets a newline follow."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def _name(where: Field) -> str:
    return ".".join(map(str, where)) or "(document)"


def _explain(error: ValidationError) -> Iterator[tuple[Field, str]]:
    """A schema error as field and message; an unexpected or a missing field is named itself."""
    where: Field = tuple(error.absolute_path)
    if error.validator == "required":
        yield (*where, error.message.split("'")[1]), "is missing"  # one error a missing field
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema["properties"]  # type: ignore[index]  # a schema with this keyword is an object
        instance: Any = error.instance
        for name in instance:
            if name not in known:
                yield (*where, name), f"is unknown; known are {', '.join(sorted(known))}"
    elif "propertyNames" in error.schema_path:
        yield (*where, str(error.instance)), f"the name must match {error.validator_value}"
    else:
        yield where, error.message
