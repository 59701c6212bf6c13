"""A YAML file that knows the line of each of its fields: what is wrong is said with file, line and field.

Reading is strict: no anchors, no tags beyond JSON's types, no repeated keys.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from gateway.config import schemas

Field = tuple[str | int, ...]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))


class RoutesError(Exception):
    """The file cannot be used; the message has a line `file:line: field: what is wrong` for every fault."""

    def __init__(self, faults: Iterable[tuple[int, str]]) -> None:
        super().__init__("\n".join(text for _, text in sorted(faults)))


class Document:
    """A file's content and what is wrong with it so far.

    Attributes:
        content: mappings, lists and plain values; None while the file has faults that leave nothing to read.
    """

    def __init__(self, file: str) -> None:
        self.content: Any = None
        self._file = file
        self._lines: dict[Field, int] = {}
        self._faults: list[tuple[int, str]] = []

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Read a file.

        Raises:
            RoutesError: it is missing, too large, or not YAML of the strict kind.
        """
        document = cls(str(path))
        try:
            raw = path.read_bytes()
        except OSError as error:
            document.fault((), f"cannot be read: {error.strerror}")
        else:
            document._load(raw)
        document.refuse()
        return document

    def fault(self, where: Field, message: str) -> None:
        """Note that the value at `where` is wrong."""
        while where not in self._lines and where[:-1] in self._lines:
            self._note(self._lines[where[:-1]], where, message)
            return
        self._note(self._line(where), where, message)

    def check(self, schema: Mapping[str, Any]) -> None:
        """Note every way in which the content does not follow a JSON Schema (2020-12)."""
        for error in Draft202012Validator(schemas.compiled(schema)).iter_errors(self.content):
            for where, message in _explain(error):
                self.fault(where, message)

    def refuse(self) -> None:
        """Raise RoutesError if anything was found wrong."""
        if self._faults:
            raise RoutesError(set(self._faults))

    def _line(self, where: Field) -> int:
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def _note(self, line: int, where: Field, message: str) -> None:
        name = ".".join(map(str, where)) or "(document)"
        text = f"{self._file}:{line}: {name}: {message}"
        shown = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
        self._faults.append((line, shown))

    def _load(self, raw: bytes) -> None:
        if len(raw) > MAX_BYTES:
            self.fault((), f"has {len(raw)} bytes, at most {MAX_BYTES} are allowed")
            return
        try:
            node = self._compose(raw.decode())
        except UnicodeDecodeError:
            self.fault((), "is not UTF-8")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._note(mark.line + 1 if mark else 1, (), error.problem or "is not YAML")
        except (yaml.YAMLError, ValueError) as error:
            self.fault((), " ".join(str(error).split())[:200])
        else:
            if node is not None:
                self.content = self._value(node, ())

    def _compose(self, text: str) -> yaml.Node | None:
        """The document's nodes, once nothing in its events forbids to build them."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                self._note(line, (), f"alias *{event.anchor}: write the value out")
            if depth > MAX_DEPTH:
                self._note(line, (), "is nested too deeply")
                break
        if self._faults:
            return None
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        if node is None:
            self.fault((), "is empty")
        return node

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
            key = str(key) if isinstance(key, int) and not isinstance(key, bool) else key
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                self._note(line, where, "keys are text")
            elif key in content:
                self._note(line, (*where, key), "is given twice")
            else:
                self._lines[(*where, key)] = line
                content[key] = self._value(value_node, (*where, key))
        return content

    def _scalar(self, node: yaml.Node, where: Field) -> Any:
        try:
            if node.tag not in _TAGS:
                raise ValueError
            value = yaml.constructor.SafeConstructor().construct_object(node)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError
            if isinstance(value, str):
                value.encode()
        except (ValueError, LookupError, yaml.YAMLError):
            self._note(
                node.start_mark.line + 1, where, f"{str(node.value)[:80]!r} is no value for this place"
            )
            return None
        return value


def _explain(error: Any) -> Iterator[tuple[Field, str]]:
    """A schema's error as field and message; an unexpected or missing field is named itself."""
    where: Field = tuple(error.absolute_path)
    if error.validator in ("oneOf", "anyOf") and error.context:
        cause = best_match(error.context)
        if cause is not None and cause.absolute_path != error.absolute_path:
            yield from _explain(cause)
            return
    if error.validator == "required" and isinstance(error.instance, Mapping):
        yield from (((*where, name), "is missing") for name in _missing(error))
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        for name in (name for name in error.instance if name not in known):
            yield (*where, str(name)), f"is unknown; known are {', '.join(sorted(known))}"
    elif "propertyNames" in error.schema_path:
        yield (*where, str(error.instance)), f"the name must match {error.validator_value}"
    else:
        message = error.schema.get("x-message") if isinstance(error.schema, Mapping) else None
        yield where, str(message or error.message)[:300]


def _missing(error: Any) -> list[str]:
    """The one name that this error is about: jsonschema has an error for each."""
    return [name for name in error.validator_value if error.message.startswith(repr(name))]
