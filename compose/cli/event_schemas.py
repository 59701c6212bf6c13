"""JSON Schemas (2020-12) of events, each a file below the folder of the service that emits them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

_MAX_BYTES = 64 * 1024
_REFERENCES = ("$ref", "$dynamicRef")


class Unusable(ValueError):
    """A schema cannot be used; the message says why."""


def read(folder: Path, path: str) -> dict[str, Any]:
    """The schema in `path` below `folder`; raises Unusable."""
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise Unusable(f"{path!r} is not below the service's folder")
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Unusable(f"{path!r} cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise Unusable(f"{path!r} is {len(raw)} bytes long, at most {_MAX_BYTES} are allowed")
    try:
        schema = json.loads(raw)
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Unusable(f"{path!r} is no JSON Schema: {error.json_path}: {error.message}") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{path!r} is no JSON: {error}") from error
    if not isinstance(schema, dict):
        raise Unusable(f"{path!r} is no JSON object")
    outside = [found for found in _references(schema) if not found.startswith("#")]
    if outside:
        raise Unusable(f"{path!r} refers to {outside[0]!r}: write it out, nothing is fetched")
    return schema


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name in _REFERENCES:
            if isinstance(value.get(name), str):
                yield value[name]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
