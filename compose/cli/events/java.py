"""Java records, which Jackson reads and writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from compose.cli.events.names import field_name, type_name

Schema = Mapping[str, Any]
_OPTIONAL = {"string": "String", "integer": "Long", "number": "BigDecimal", "boolean": "Boolean"}
_REQUIRED = {**_OPTIONAL, "integer": "long", "boolean": "boolean"}
_FORMATS = {"uuid": "UUID", "date-time": "OffsetDateTime", "date": "LocalDate", "uri": "URI"}
_IMPORTS = (
    "com.fasterxml.jackson.annotation.JsonIgnoreProperties",
    "com.fasterxml.jackson.annotation.JsonProperty",
    "java.math.BigDecimal",
    "java.net.URI",
    "java.time.LocalDate",
    "java.time.OffsetDateTime",
    "java.util.List",
    "java.util.Map",
    "java.util.UUID",
)
_TAKEN = {"Boolean", "Long", "Object", "String", *(each.rpartition(".")[2] for each in _IMPORTS)}
"""Names of types that records refer to, and so cannot have."""
_RESERVED = frozenset(
    """
    abstract assert boolean break byte case catch char class const continue default do double else enum
    extends final finally float for goto if implements import instanceof int interface long native new
    package private protected public return short static strictfp super switch synchronized this throw
    throws transient try void volatile while true false null clone finalize getClass hashCode notify
    notifyAll toString wait
    """.split()  # noqa: SIM905 - read more easily than 60 strings
)
"""Words that no component of a record may be called."""


def files(schemas: Mapping[str, Schema], package: str) -> dict[str, str]:
    """A record for each event type, by the name of its file, with those of its parts inside."""
    return {f"{type_name(name)}.java": _file(name, schema, package) for name, schema in schemas.items()}


def _file(event_type: str, schema: Schema, package: str) -> str:
    body = _Records(schema).of(type_name(event_type))
    imports = [each for each in _IMPORTS if f"{each.rpartition('.')[2]}" in body]
    head = f"// Made by `nextphase events generate java`: change the schema of {event_type} instead.\n"
    lines = "".join(f"import {each};\n" for each in imports)
    return f"{head}package {package};\n\n{lines}\n{body}"


class _Records:
    """The records of one event type: its own, and one inside for each object in it."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._inner: dict[str, str] = {}
        self._named: dict[str, Schema] = {each: {} for each in _TAKEN}

    def of(self, name: str) -> str:
        """The text of the event type's record."""
        self._named[name] = self._schema
        for key, each in self._schema.get("$defs", {}).items():
            self._type(type_name(key), each, is_required=False)
        own = self._components(name, self._schema)
        inner = "".join(f"\n{record}" for record in self._inner.values())
        text = self._schema.get("description")
        comment = f"/** {' '.join(text.replace('*/', '* /').split())} */\n" if text else ""
        return f"{comment}{own} {{\n{_indented(inner.lstrip())}}}\n" if inner else f"{comment}{own} {{}}\n"

    def _components(self, name: str, schema: Schema) -> str:
        required = schema.get("required", ())
        fields = []
        for key, each in schema.get("properties", {}).items():
            component = field_name(key) or "value"
            component = f"{component}_" if component in _RESERVED or component[0].isdigit() else component
            kind = self._type(type_name(key), each, is_required=key in required)
            fields.append(f"        @JsonProperty({json.dumps(key)}) {kind} {component}")
        joined = ",\n".join(fields)
        return f"@JsonIgnoreProperties(ignoreUnknown = true)\npublic record {name}(\n{joined})"

    def _type(self, name: str, schema: Schema | bool, *, is_required: bool) -> str:
        """The Java type of a schema; what Java has no type for is Object."""
        if isinstance(schema, bool):
            return "Object"
        reference = schema.get("$ref")
        if reference is not None:
            return self._referred(reference, is_required=is_required)
        kinds = schema.get("type", "object" if "properties" in schema else None)
        may_be_null = isinstance(kinds, list) and "null" in kinds
        if isinstance(kinds, list):
            others = [kind for kind in kinds if kind != "null"]
            kinds = others[0] if len(others) == 1 else None
        if kinds == "array":
            return f"List<{self._type(name, schema.get('items', True), is_required=False)}>"
        if kinds == "object" and "properties" in schema:
            return self._record(name, schema)
        if kinds == "object":
            values = self._type(name, schema.get("additionalProperties", True), is_required=False)
            return f"Map<String, {values}>"
        if kinds == "string" or _is_of_texts(schema):
            return _FORMATS.get(schema.get("format", ""), "String")
        scalars = _REQUIRED if is_required and not may_be_null else _OPTIONAL
        return scalars.get(kinds or "", "Object")

    def _referred(self, reference: str, *, is_required: bool) -> str:
        key = reference.removeprefix("#/$defs/")
        found = self._schema.get("$defs", {}).get(key)
        return "Object" if found is None else self._type(type_name(key), found, is_required=is_required)

    def _record(self, key: str, schema: Schema) -> str:
        """The name of a record: that of another with other fields, or of a type, is not taken again."""
        name, number = key, 2
        while self._named.setdefault(name, schema) != schema:
            name, number = f"{key}{number}", number + 1
        if name not in self._inner:
            self._inner[name] = ""  # a record may refer to itself
            self._inner[name] = f"{self._components(name, schema)} {{}}\n"
        return name


def _is_of_texts(schema: Schema) -> bool:
    values = schema.get("enum", [schema.get("const")])
    return all(isinstance(value, str) for value in values)


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
