"""TypeScript types, in one module."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from compose.cli.events.names import type_name

Schema = Mapping[str, Any]
FILE = "events.ts"
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def files(schemas: Mapping[str, Schema]) -> dict[str, str]:
    """The module by the name of its file: a type for each event type, and EventData, which has all."""
    parts = [_declarations(name, schema) for name, schema in schemas.items()]
    by_type = "".join(f"  {json.dumps(name)}: {type_name(name)};\n" for name in schemas)
    head = "// Made by `nextphase events generate typescript`: change the schemas instead.\n"
    table = f"/** The data of each event type. */\nexport interface EventData {{\n{by_type}}}\n"
    return {FILE: "\n".join([head, *parts, table])}


def _declarations(event_type: str, schema: Schema) -> str:
    name = type_name(event_type)
    inner = (
        f"export type {name}{type_name(key)} = {_type(name, each)};\n"
        for key, each in schema.get("$defs", {}).items()
    )
    return "".join([*inner, _comment(schema, ""), f"export type {name} = {_type(name, schema)};\n"])


def _type(name: str, schema: Schema | bool, indent: str = "") -> str:
    """The type of what a schema allows; `name`: of the event's type, with which those of its $defs begin."""
    return " & ".join(_parts(name, schema, indent)) or "unknown"


def _parts(name: str, schema: Schema | bool, indent: str) -> Iterator[str]:
    if isinstance(schema, bool):
        if not schema:
            yield "never"
        return
    if "$ref" in schema:
        reference: str = schema["$ref"]
        yield name if reference == "#" else name + type_name(reference.rpartition("/")[2])
    if "const" in schema or "enum" in schema:
        yield _union(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    elif "type" in schema or "properties" in schema:
        kinds = schema.get("type", "object")
        yield _union(
            _kind(name, kind, schema, indent) for kind in ([kinds] if isinstance(kinds, str) else kinds)
        )
    for word in ("anyOf", "oneOf"):
        if word in schema:
            yield _union(_type(name, each, indent) for each in schema[word])
    yield from (_type(name, each, indent) for each in schema.get("allOf", ()))


def _kind(name: str, kind: str, schema: Schema, indent: str) -> str:
    if kind == "array":
        return f"Array<{_type(name, schema.get('items', True), indent)}>"
    if kind != "object":
        return _SCALARS[kind]
    if "properties" not in schema:
        return f"Record<string, {_type(name, schema.get('additionalProperties', True), indent)}>"
    deeper, required = f"{indent}  ", schema.get("required", ())
    lines = (
        f"{_comment(each, deeper)}{deeper}{json.dumps(key)}{'' if key in required else '?'}: "
        f"{_type(name, each, deeper)};\n"
        for key, each in schema["properties"].items()
    )
    return f"{{\n{''.join(lines)}{indent}}}"


def _union(types: Iterator[str]) -> str:
    found = list(dict.fromkeys(types))
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def _comment(schema: Schema | bool, indent: str) -> str:
    text = "" if isinstance(schema, bool) else schema.get("description", "")
    return f"{indent}/** {' '.join(text.replace('*/', '* /').split())} */\n" if text else ""
