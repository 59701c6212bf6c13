"""A YAML file that knows the line of each of its fields: what is wrong is said with file, line and field.

Reading is strict: no anchors, no tags beyond JSON's types, no repeated keys, so that what a person reads is
what the platform reads.

Replaces strictyaml, which refuses `{}` and `[]` and checks by schemas of its own in place of JSON Schema, and
ruamel.yaml, which keeps lines and reads all of YAML. To be dropped when a library reads JSON's types alone
and gives each field's line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from observability.configuration import schema_faults
from observability.configuration.errors import Fault, FaultyDocument

Field = tuple[str | int, ...]
"""Where a value stands in a document: keys and positions from its root."""

MAX_DEPTH: Final = 64
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))
_MAX_SHOWN: Final = 80


@dataclass
class Document:
    """A file's content, and what is wrong with it so far.

    Attributes:
        file: what faults call it.
        content: mappings, lists and plain values; None while the file has faults that leave nothing to read.
    """

    file: str
    content: Any = None
    faults: list[Fault] = field(default_factory=list)
    _lines: dict[Field, int] = field(default_factory=dict)

    @classmethod
    def read(
        cls, path: Path, name: str | None = None, *, max_bytes: int, max_depth: int = MAX_DEPTH
    ) -> Document:
        """Read a file; whatever it holds, only `faults` says what is wrong with it.

        Parameters:
            name: what faults call it, unless by its path.
            max_bytes: how large it may be.
            max_depth: how many mappings and lists may stand in one another.
        """
        document = cls(name or str(path))
        try:
            with path.open("rb") as file:
                raw = file.read(max_bytes + 1)
        except OSError as error:
            document.fault((), f"cannot be read: {error.strerror}")
            return document
        if len(raw) > max_bytes:
            document.fault((), f"is longer than {max_bytes} bytes")
        else:
            document._load(raw, max_depth)
        return document

    def fault(self, where: Field, message: str) -> None:
        """Note that the value at `where` is wrong."""
        self._note(self.line(where), where, message)

    def line(self, where: Field) -> int:
        """The line, from 1, of the field `where` or of the nearest field around it."""
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def check(self, schema: Mapping[str, Any]) -> None:
        """Note every way in which the content does not follow a JSON Schema (2020-12)."""
        for where, message in schema_faults.find(schema, self.content):
            self.fault(where, message)

    def refuse(self) -> None:
        """Raise FaultyDocument if anything was found wrong."""
        if self.faults:
            raise FaultyDocument(self.faults)

    def _note(self, line: int, where: Field, message: str) -> None:
        self.faults.append(Fault(self.file, line, ".".join(map(str, where)) or "(document)", message))

    def _load(self, raw: bytes, max_depth: int) -> None:
        try:
            node = self._compose(raw.decode(), max_depth)
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

    def _compose(self, text: str, max_depth: int) -> yaml.Node | None:
        """The document's nodes, once nothing in its events forbids to build them."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                self._note(line, (), f"alias *{event.anchor}: write the value out")
            if depth > max_depth:
                self._note(line, (), "is nested too deeply")
                break
        if self.faults:
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
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                self._note(line, where, "keys are text: others need quotes")
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
            str(value).encode()  # neither half of a surrogate pair, nor more digits than Python prints
        except (ValueError, LookupError, yaml.YAMLError):
            shown = str(node.value)[:_MAX_SHOWN]
            self._note(node.start_mark.line + 1, where, f"{shown!r} is not a value that is allowed here")
            return None
        return value
